"""What a person says about the table; the store, the calls and `vigild state create-table` read it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from daemon.grants import Grant, Place
from daemon.text_form import TextForm
from daemon.yaml_file import Strict


class DynamodbConfig(Strict):
    """State in a DynamoDB table: for replicas on more than one host.  See docs/state.md.

    Needs dynamodb:BatchGetItem, dynamodb:PutItem, dynamodb:DeleteItem, dynamodb:Query, dynamodb:DescribeTable and, for
    `vigild check`, dynamodb:DescribeTimeToLive on the table.
    """

    type: Literal["dynamodb"]
    table_name: Annotated[str, TextForm(r"^[A-Za-z0-9_.-]{3,255}$", "3 to 255 letters, digits, _, . and -", "vigild")]
    """The table; `vigild state create-table` makes it, the daemon never does."""
    region: str | None = None
    """Where the table is, if not in the default region."""
    namespace: Annotated[
        str, TextForm(r"^[A-Za-z0-9_.-]{1,64}$", "at most 64 letters, digits, _, . and -", "vigild")
    ] = "vigild"
    """Daemons with one namespace share claims and leases; those with another know nothing of them."""
    max_parallel_calls: int = Field(default=32, ge=1, le=256)
    """How many calls of batches run at the same time; aws.max_connections should be more."""
    call_timeout_seconds: float = Field(default=3.0, gt=0, le=30)
    """How long one call may take.  Well below dedupe.session_seconds: a claim must not lapse over one slow answer."""

    @property
    def where(self) -> str:
        """Which state this is, for a person who looks for something in it."""
        return f"namespace {self.namespace!r} of table {self.table_name}"

    @property
    def start_over(self) -> str:
        """What a person does to forget everything."""
        return f"take another namespace than {self.namespace!r} of table {self.table_name}, or delete its items"

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """Return what it needs from IAM."""
        calls = ("BatchGetItem", "PutItem", "DeleteItem", "Query", "DescribeTable", "DescribeTimeToLive")
        arn = f"arn:aws:dynamodb:{self.region or place.region}:{place.account}:table/{self.table_name}"
        return (Grant(tuple(f"dynamodb:{call}" for call in calls), (arn,)),)
