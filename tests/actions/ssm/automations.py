"""Systems Manager's automations over HTTP on loopback, as far as starting one and asking how it goes: moto has none.

An execution is under way when it is first asked about and has ended well from then on.  The same client token gives the
same execution, as the API reference of StartAutomationExecution says.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from tests.servers import serve

RUNBOOK = "AWS-RestartEC2Instance"


@dataclass(slots=True)
class Automations:
    """What was started."""

    url: str = ""
    ends_as: str = "Success"
    started: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Executions by client token."""
    _asked: set[str] = field(default_factory=set)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one call of the JSON 1.1 protocol."""
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        asked = orjson.loads(await request.read())
        answers = {"StartAutomationExecution": self._start, "GetAutomationExecution": self._get}
        status, answer = answers[operation](asked)
        headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": str(uuid.uuid4())}
        return web.Response(status=status, body=orjson.dumps(answer), headers=headers)

    def _start(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if asked["DocumentName"] != RUNBOOK:
            return 400, {"__type": "AutomationDefinitionNotFoundException", "message": "no such runbook"}
        execution = self.started.setdefault(asked["ClientToken"], {**asked, "id": str(uuid.uuid4())})
        return 200, {"AutomationExecutionId": execution["id"]}

    def _get(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        number = asked["AutomationExecutionId"]
        status = self.ends_as if number in self._asked else "InProgress"
        self._asked.add(number)
        execution = {"AutomationExecutionId": number, "AutomationExecutionStatus": status}
        return 200, {"AutomationExecution": execution}


@asynccontextmanager
async def run_automations() -> AsyncIterator[Automations]:
    """Serve until the block ends."""
    automations = Automations()
    async with serve(automations.answer) as server:
        automations.url = server.url
        yield automations
