"""How people say what is tried again; sinks/ and actions/ have one for each target."""

from __future__ import annotations

from pydantic import Field

from daemon.retry import RetryPolicy
from daemon.yaml_file import Strict


class RetryConfig(Strict):
    """How long and how often a notice is sent again after failures that may pass; then it is parked."""

    max_age_seconds: float = Field(default=86_400.0, ge=0)
    """From the first attempt.  The default is EventBridge's."""
    max_attempts: int = Field(default=185, ge=1)
    """The default is EventBridge's."""
    base_seconds: float = Field(default=0.5, gt=0, le=60)
    """The first wait is drawn from 0 to this, each later one from twice the range before."""
    cap_seconds: float = Field(default=60.0, gt=0, le=3_600)
    """No wait is drawn longer; what the target itself asks for counts."""

    def policy(self) -> RetryPolicy:
        """Return the policy for retry.py."""
        return RetryPolicy(self.base_seconds, self.cap_seconds, self.max_age_seconds, self.max_attempts)
