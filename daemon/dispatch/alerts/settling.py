"""Sees to it that every alert which a group counted is final before the group ends; keeper.py asks.

An alert is counted first and confirmed after.  A crash in between leaves it in the group by its intent, and its claim
with a session that is dead: were the group gone when the alert comes again, it would be told once more, under another
key.  So the claim is taken over here and confirmed in the dead process's place; what somebody alive is at, the group
waits for.
"""

from __future__ import annotations

from functools import partial

from daemon.dedupe.claims import Claims, ClaimState, Final, Held
from daemon.dispatch.alerts.group import Group
from daemon.dispatch.claiming import Claiming

_AT_ONCE = 500


async def are_final(group: Group, known: frozenset[bytes], claims: Claims, claiming: Claiming) -> bool:
    """Return whether all alerts of the group are final, made so where nobody alive is at them.

    `known` are intents that are known as final.  Raises StateError; repeating it is safe.
    """
    state = ClaimState.REFUSED if group.key.is_held_back else ClaimState.GROUPED
    intents = [intent.hex() for intent in group.unconfirmed if intent not in known]
    for start in range(0, len(intents), _AT_ONCE):
        for claim in await claims.claim(intents[start : start + _AT_ONCE]):
            if isinstance(claim, Held):
                # Until the store answers: what is held and not confirmed would keep the group for as long as we live.
                ended = await claiming.until_answered(partial(claims.confirm, claim, state))
            else:
                ended = isinstance(claim, Final)
            if not ended:
                return False
    return True
