"""Users, roles and access keys as events name them."""

from __future__ import annotations

import re
from typing import Final

NAME: Final = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")
KEY_ID: Final = re.compile(r"[A-Z0-9]{16,128}")

USER_IN_EVENT: Final[tuple[str, ...]] = (
    "$.detail.requestParameters.userName",
    "$.detail.resource.accessKeyDetails.userName",
    "$.detail.userIdentity.userName",
)
"""CloudTrail's two places (whom a call was about, else who made it), GuardDuty."""
KEY_IN_EVENT: Final[tuple[str, ...]] = (
    "$.detail.responseElements.accessKey.accessKeyId",
    "$.detail.requestParameters.accessKeyId",
    "$.detail.resource.accessKeyDetails.accessKeyId",
    "$.detail.userIdentity.accessKeyId",
)
ROLE_IN_EVENT: Final[tuple[str, ...]] = (
    "$.detail.requestParameters.roleName",
    "$.detail.userIdentity.sessionContext.sessionIssuer.userName",
)
