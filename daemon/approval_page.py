"""The page behind an alert's approval link: says what would be done, and takes one answer.

app.py serves it, on a port of its own, where the configuration asks for links.  Showing the page answers nothing,
because mail scanners and chat previews open links; only the form's POST does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape

from aiohttp import web

from daemon.dispatch.remediation.approvals import Answer, ApprovalError
from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.record import Record
from daemon.dispatch.remediation.result import difference
from daemon.errors import ConfigError, StateError
from daemon.journal import Entry
from daemon.telemetry.endpoints import SERVER_LOG

_MOST_FORM_BYTES = 4_096
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ANSWERS = {"approve": Answer.APPROVED, "deny": Answer.DENIED}
_LINK_HOLDER = "whoever held the link"
"""A link says nothing about the person; the journal must not pretend that it does."""


class ApprovalPage:
    """GET shows, POST answers; both need the link's token."""

    def __init__(self, context: RemediationContext) -> None:
        self._context = context

    def application(self) -> web.Application:
        """Return the web application."""
        application = web.Application(client_max_size=_MOST_FORM_BYTES)
        application.router.add_get("/approvals/{intent}", self._show)
        application.router.add_post("/approvals/{intent}", self._answer)
        return application

    async def _show(self, request: web.Request) -> web.Response:
        intent, token = request.match_info["intent"], request.query.get("token", "")
        try:
            await self._context.approvals.pending(intent, token)
            saved = await self._context.records.find(intent)
        except ApprovalError as error:
            return _page(403, f"<p>{escape(str(error))}</p>")
        except StateError:
            return _page(503, "<p>The state store does not answer; try again.</p>")
        return _page(200, _form(saved.record, token)) if saved else _page(404, "<p>No such plan.</p>")

    async def _answer(self, request: web.Request) -> web.Response:
        intent, form = request.match_info["intent"], await request.post()
        answer, token = _ANSWERS.get(str(form.get("answer"))), str(form.get("token", ""))
        if answer is None:
            return _page(400, "<p>Neither approved nor denied.</p>")
        try:
            await self._context.approvals.answer(intent, answer, _LINK_HOLDER, token)
            entry = Entry(at=self._context.clock.now(), step=answer, intent=intent, by=_LINK_HOLDER)
            await self._context.journal.append(entry)
        except ApprovalError as error:
            return _page(403, f"<p>{escape(str(error))}</p>")
        except StateError:
            return _page(503, "<p>The state store does not answer; try again.</p>")
        return _page(200, f"<p>{escape(answer.capitalize())}. This link is used up.</p>")


@asynccontextmanager
async def serve_approvals(context: RemediationContext, host: str, port: int) -> AsyncIterator[int]:
    """Serve until the block ends; yield the port.  Raises ConfigError where the address cannot be bound."""
    runner = web.AppRunner(
        ApprovalPage(context).application(), logger=SERVER_LOG, access_log=None, shutdown_timeout=1.0
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigError(f"approvals.listen: cannot bind {host}:{port}: {error.strerror}") from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _form(record: Record, token: str) -> str:
    lines = "\n".join(escape(line) for line in difference(record.plan.changes))
    return (
        f"<h1>{escape(record.plan.summary)}</h1><p>Rule {escape(record.rule)}, action {escape(record.action)}, account"
        f" {escape(record.subject.account)}, {escape(record.subject.region)}.</p><pre>{lines}</pre>"
        f'<form method="post"><input type="hidden" name="token" value="{escape(token)}">'
        '<button name="answer" value="approve">Approve</button> <button name="answer" value="deny">Deny</button></form>'
    )


def _page(status: int, body: str) -> web.Response:
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>vigild approval</title><body>{body}</body></html>"
    )
    return web.Response(text=text, status=status, content_type="text/html", headers=_HEADERS)
