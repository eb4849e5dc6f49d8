"""Who calls: roles, users, services and the root user, as CloudTrail's `userIdentity` shows them.

traffic/ names the actors of its calls from the constants below, intrusion/ makes its own; both turn into a Caller,
which record.py writes down.  Shapes: CloudTrail user guide, "CloudTrail userIdentity element".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import Any, Protocol

from daemon.sample import ids
from daemon.sample.organisation import OFFICE, PIPELINES, Account, Estate
from daemon.sample.rhythm import Rhythm

TERRAFORM = (
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.80.0 "
    "(+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.32.5 ua/2.1 os/linux lang/go#1.23.3 "
    "md/GOOS#linux md/GOARCH#amd64 api/ec2#1.187.0"
)
CLI = "aws-cli/2.22.7 md/awscrt#0.22.0 ua/2.0 os/linux#6.8.0 md/arch#x86_64 lang/python#3.12.6 md/prompt#off"
BOTO = "Boto3/1.35.71 md/Botocore#1.35.71 ua/2.0 os/linux#6.1.115 md/arch#x86_64 lang/python#3.12.7"
JAVA = "aws-sdk-java/2.29.23 md/io#sync md/http#Apache ua/2.1 os/Linux#6.1.115 lang/java#21.0.5 md/vendor#Amazon"
CONSOLE = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 "
    "aws-internal/3 aws-sdk-java/1.12.770 Linux/5.10.228 OpenJDK_64-Bit_Server_VM/25.422-b05 cfg/retry-mode/standard"
)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"
AGENT = "aws-sdk-go/1.55.5 (go1.22.9; linux; amd64) amazon-ssm-agent/3.3.1345.0"


@dataclass(frozen=True, slots=True)
class Caller:
    """One session of somebody: what a record says of who called, from where and with what."""

    identity: dict[str, Any]
    address: str
    agent: str
    """The user agent."""
    endpoint: str | None = None
    """The VPC endpoint that the calls pass through."""

    @property
    def outside(self) -> bool:
        """True when the call came over TLS from outside AWS's own machinery, so that `tlsDetails` is there."""
        return "invokedBy" not in self.identity


class Actor(Protocol):
    """Somebody who calls; traffic/'s tables name actors, day.py asks them for sessions."""

    @property
    def rhythm(self) -> Rhythm:
        """When they call."""

    def caller(self, estate: Estate, rng: Random, since: str, /) -> Caller:
        """Open a session in this estate; `since` is its start, as CloudTrail writes times."""


@cache
def unique_id(kind: str, account: Account, name: str) -> str:
    """Return the unique identifier of an IAM entity, which it keeps for life: the same every day, for every seed."""
    return ids.unique(Random(f"{kind}/{account.number}/{name}"), kind)


def role_identity(account: Account, role: str, session: str, since: str, rng: Random) -> dict[str, Any]:
    """Return the `userIdentity` of a session of a role."""
    name = role.rsplit("/", 1)[-1]
    unique = unique_id("AROA", account, name)
    return {
        "type": "AssumedRole",
        "principalId": f"{unique}:{session}",
        "arn": f"arn:aws:sts::{account.number}:assumed-role/{name}/{session}",
        "accountId": account.number,
        "accessKeyId": ids.unique(rng, "ASIA"),
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": unique,
                "arn": account.iam(f"role/{role}"),
                "accountId": account.number,
                "userName": name,
            },
            "attributes": {"creationDate": since, "mfaAuthenticated": "false"},
        },
    }


def user_identity(account: Account, user: str) -> dict[str, Any]:
    """Return the `userIdentity` of an IAM user who calls with a long-lived access key."""
    return {
        "type": "IAMUser",
        "principalId": unique_id("AIDA", account, user),
        "arn": account.iam(f"user/{user}"),
        "accountId": account.number,
        "accessKeyId": unique_id("AKIA", account, user),
        "userName": user,
    }


def address(network: str, rng: Random) -> str:
    """Return an address of a /24, given as its first three numbers and a dot."""
    return f"{network}{rng.randrange(1, 255)}"


@dataclass(frozen=True, slots=True, eq=False)
class Role:
    """An IAM role under which people, pipelines or programs work."""

    name: str
    session: str
    """How sessions are called: "{n}" stands for a number, "{instance}" for an instance, "{task}" for an ECS task."""
    agents: tuple[str, ...]
    network: str
    rhythm: Rhythm
    private: bool = False
    """Calls through the VPC endpoint, from an RFC 1918 address."""
    invoked_by: str | None = None
    """The service that works under the role in our stead."""

    def caller(self, estate: Estate, rng: Random, since: str) -> Caller:
        """See Actor."""
        session = self.session.format(
            n=rng.randrange(1000, 9999), instance=rng.choice(estate.instances), task=ids.hexadecimal(rng, 32)
        )
        identity = role_identity(estate.account, self.name, session, since, rng)
        if self.invoked_by is not None:
            identity["invokedBy"] = self.invoked_by
            return Caller(identity, self.invoked_by, self.invoked_by)
        if self.private:
            return Caller(identity, address("10.20.30.", rng), rng.choice(self.agents), estate.endpoint)
        return Caller(identity, address(self.network, rng), rng.choice(self.agents))


@dataclass(frozen=True, slots=True, eq=False)
class User:
    """An IAM user with an access key: what is left of the time before roles."""

    name: str
    agents: tuple[str, ...]
    network: str
    rhythm: Rhythm

    def caller(self, estate: Estate, rng: Random, _since: str) -> Caller:
        """See Actor."""
        return Caller(user_identity(estate.account, self.name), address(self.network, rng), rng.choice(self.agents))


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """An AWS service that calls of its own accord."""

    principal: str
    rhythm: Rhythm = field(default=Rhythm.STEADY)

    def caller(self, _estate: Estate, _rng: Random, _since: str) -> Caller:
        """See Actor."""
        return Caller({"type": "AWSService", "invokedBy": self.principal}, self.principal, self.principal)


@dataclass(frozen=True, slots=True, eq=False)
class Housekeeping:
    """An AWS service that reports what it did in an account without anybody's call (`AwsServiceEvent`)."""

    principal: str
    rhythm: Rhythm = field(default=Rhythm.STEADY)

    def caller(self, estate: Estate, _rng: Random, _since: str) -> Caller:
        """See Actor."""
        identity = {"accountId": estate.account.number, "invokedBy": self.principal}
        return Caller(identity, self.principal, self.principal)


DEPLOY = Role("deploy", "run-{n}", (TERRAFORM,), PIPELINES, Rhythm.OFFICE)
RUNNER = Role("ci-runner", "build-{n}", (CLI, BOTO), PIPELINES, Rhythm.OFFICE)
ENGINEER = Role(
    "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Engineer_0f1e2d3c4b5a6978",
    "engineer-{n}", (CONSOLE, CLI), OFFICE, Rhythm.OFFICE,
)  # fmt: skip
MONITORING = User("metrics-reader", (BOTO,), PIPELINES, Rhythm.STEADY)
AUDIT = Role("security-audit", "audit-{n}", (BOTO,), PIPELINES, Rhythm.STEADY)
NODE = Role("node", "{instance}", (AGENT,), PIPELINES, Rhythm.STEADY, private=True)
TASK = Role("orders-api", "{task}", (JAVA, BOTO), PIPELINES, Rhythm.CUSTOMERS, private=True)
WORKER = Role("billing-worker", "billing-worker", (BOTO,), PIPELINES, Rhythm.CUSTOMERS)
TASK_BY_S3 = replace(TASK, invoked_by="s3.amazonaws.com")
"""A program's encrypted objects: S3 calls KMS in its stead."""
TASK_BY_SECRETS = replace(TASK, invoked_by="secretsmanager.amazonaws.com")
BACKUP = User("backup-uploader", (CLI,), PIPELINES, Rhythm.STEADY)
CONFIG = Role(
    "aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig",
    "AWSConfig-Describe", (), "", Rhythm.STEADY, invoked_by="config.amazonaws.com",
)  # fmt: skip
SCALING = Role(
    "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
    "AutoScaling", (), "", Rhythm.CUSTOMERS, invoked_by="autoscaling.amazonaws.com",
)  # fmt: skip
