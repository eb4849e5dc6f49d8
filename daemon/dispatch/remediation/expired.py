"""Undoes actions whose time is over (expiries.py); app.py runs it beside the flow."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.clients.estate import Estate
from daemon.dedupe.claims import Claims, ClaimState, Final, Held
from daemon.dispatch.remediation.context import RemediationContext
from daemon.dispatch.remediation.kernel import Kernel
from daemon.dispatch.remediation.undo import UndoError, undo
from daemon.errors import EffectError, StateError
from daemon.telemetry.actions import UndoFailed
from daemon.telemetry.conditions import StateFailed

_POLL_SECONDS = 10.0
_RETRY_SECONDS = 60.0


class ExpiredActions:
    """Undoes what is due; one of all replicas undoes each."""

    def __init__(
        self, kernels: Mapping[str, Kernel], estate: Estate, claims: Claims, context: RemediationContext
    ) -> None:
        self._kernels = kernels
        self._estate = estate
        self._claims = claims
        self._context = context

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            wait = _POLL_SECONDS
            try:
                await self.undo_due()
            except StateError as error:
                self._context.telemetry.emit(StateFailed(error.detail, _POLL_SECONDS))
            except EffectError as error:
                wait = _RETRY_SECONDS
                self._context.telemetry.emit(UndoFailed("", f"{error.kind}: {error.detail}"))
            await self._context.clock.sleep(wait)

    async def undo_due(self) -> None:
        """Undo what is due now.  Raises EffectError where AWS or the state store does not answer: it stays due."""
        for intent in await self._context.expiries.due():
            (claim,) = await self._claims.claim([f"undo:{intent}"])
            if isinstance(claim, Held):
                try:
                    await self._undo(intent)
                except EffectError:
                    await self._claims.release([claim])
                    raise
                await self._claims.confirm(claim, ClaimState.DONE)
            if isinstance(claim, Held | Final):
                await self._context.expiries.forget(intent)

    async def _undo(self, intent: str) -> None:
        try:
            await undo(intent, self._kernels, self._estate, self._context, "vigild, after its time")
        except UndoError as error:
            # Undone by a person already, or changed since: what is there now is nobody's to touch.
            self._context.telemetry.emit(UndoFailed(intent, str(error)))
        except EffectError:
            raise
        except Exception as error:  # noqa: BLE001 - the stage boundary: a fault of our own must not end the daemon
            self._context.telemetry.emit(UndoFailed(intent, f"{type(error).__name__} in action"))
