"""What every action's configuration has: how far it may go, where it may not, and how often."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Self

from pydantic import Field, model_validator

from daemon.clients.estate import AccountId
from daemon.target_config import RetryConfig, TargetConfig
from daemon.yaml_file import Strict


class Mode(StrEnum):
    """How far an action may go by itself."""

    SHADOW = "shadow"  # say what would be done
    APPROVE = "approve"  # wait for a person
    AUTO = "auto"  # act


class ExemptConfig(Strict):
    """What is never touched."""

    accounts: frozenset[AccountId] = frozenset()
    resources: frozenset[str] = frozenset()
    """Ids, bare names or ARNs, each as good as the others; a bucket covers its objects; `*` stands for any text."""
    tags: dict[str, str] = Field(default={"vigild:exempt": "*"})
    """A resource with one of these tags is left alone, with all that its event names, an object also with
    one of its bucket; `*` as value stands for any.  Not every action reads tags: see each."""


class BudgetConfig(Strict):
    """On how many resources an hour this action may act; what is over is refused, recorded and told.  An event that
    names several is acted upon on all that need it, or on none.
    """

    per_hour: int = Field(default=50, ge=1)
    """By all rules, in all accounts and regions."""
    per_rule_per_hour: int = Field(default=20, ge=1)
    per_account_per_hour: int = Field(default=20, ge=1)
    per_region_per_hour: int = Field(default=20, ge=1)
    """In one region of one account."""


class ActionConfig(TargetConfig):
    """What every action's configuration has."""

    reads_tags: ClassVar[bool] = False
    """Whether the action looks at tags, so that `exempt.tags` protects anything."""
    mode: Mode = Mode.SHADOW
    """`shadow` says what would be done, `approve` waits for a person, `auto` acts."""
    exempt: ExemptConfig = ExemptConfig()
    """What this action never touches."""
    budget: BudgetConfig = BudgetConfig()
    """On how many resources it may act."""
    cooldown_seconds: float = Field(default=300.0, ge=0, le=86_400)
    """After acting on a resource, how long it is left alone by this action."""
    touches_per_hour: int = Field(default=5, ge=1)
    """A rule that touches one resource more often than this in an hour, counting the touches of all actions, is
    suspended until a person resumes it."""
    approval_seconds: float = Field(default=3_600.0, ge=60, le=7 * 86_400)
    """How long a plan waits for approval before it lapses."""
    verify_seconds: float = Field(default=60.0, ge=1, le=7_200)
    """How long the change may take to show when read again."""
    undo_after_seconds: float | None = Field(default=None, ge=60, le=365 * 86_400)
    """Undo what was done after so long, where the action has an inverse and the state still is what it left."""
    notify: tuple[str, ...] | None = None
    """Targets that are told of every outcome; without it, `default_targets`."""
    retry: RetryConfig = RetryConfig(max_age_seconds=3_600.0)
    """What is tried before an intent is parked; `failures` may set narrower limits for a kind of failure."""
    max_concurrency: int = Field(default=4, ge=1, le=64)
    """How many intents are worked on at the same time."""

    @model_validator(mode="after")
    def _exempts_by_what_is_read(self) -> Self:
        if self.exempt.tags and "tags" in self.exempt.model_fields_set and not self.reads_tags:
            raise ValueError(
                "exempt.tags would protect nothing: this action reads no tags; name exempt.resources instead"
            )
        return self
