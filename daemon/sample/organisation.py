"""The made-up organisation: accounts, the regions they work in, the networks they call from, what they own.

identities.py, traffic/ and intrusion/ take their accounts and resources from here, writer.py its folders.  Account
numbers are those of AWS's documentation, addresses those that RFC 5737 keeps for it, and RFC 1918's inside a VPC.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from daemon.sample import ids

ORGANISATION = "o-exampleorgid"
GLOBAL_REGION = "us-east-1"
"""Where IAM, Organizations, Health and the sign-in page record calls (CloudTrail user guide, "global services")."""

OFFICE = "192.0.2."
PIPELINES = "198.51.100."
"""Build runners, a vendor's monitoring service, and the organisation's own NAT gateways."""
ABROAD = "203.0.113."
"""Where only the intruder calls from."""
OUTSIDER = "999999999999"
"""The intruder's own account."""


@dataclass(frozen=True, slots=True)
class Account:
    """A member of the organisation."""

    number: str
    name: str

    def iam(self, path: str) -> str:
        """Return an ARN of IAM, which has no region: `iam("role/deploy")`."""
        return f"arn:aws:iam::{self.number}:{path}"


@dataclass(frozen=True, slots=True)
class Place:
    """One account in one region: CloudTrail writes its files for each such pair apart."""

    account: Account
    region: str
    share: float
    """How much of the organisation's work is done here; all places together make 1."""

    def arn(self, service: str, path: str) -> str:
        """Return an ARN of this place: `arn("kms", "key/...")`."""
        return f"arn:aws:{service}:{self.region}:{self.account.number}:{path}"


MANAGEMENT = Account("111122223333", "management")
PRODUCTION = Account("444455556666", "production")
STAGING = Account("777788889999", "staging")
SECURITY = Account("123456789012", "security")

PLACES = (
    Place(PRODUCTION, "eu-west-1", 0.40),
    Place(PRODUCTION, GLOBAL_REGION, 0.24),
    Place(STAGING, "eu-west-1", 0.15),
    Place(STAGING, GLOBAL_REGION, 0.07),
    Place(MANAGEMENT, GLOBAL_REGION, 0.09),
    Place(SECURITY, GLOBAL_REGION, 0.05),
)

SERVICES = ("orders-api", "billing-worker", "catalogue-search", "mail-sender", "image-resize", "report-export")
"""What the organisation runs: names of roles, functions, ECS services, secrets and log groups."""


def place(account: Account, region: str = GLOBAL_REGION) -> Place:
    """Return the place of an account in a region."""
    return next(one for one in PLACES if one.account == account and one.region == region)


@dataclass(frozen=True, slots=True)
class Estate:
    """What one place owns; the same things all day, so that calls come back to them."""

    place: Place
    instances: tuple[str, ...]
    interfaces: tuple[str, ...]
    volumes: tuple[str, ...]
    snapshots: tuple[str, ...]
    images: tuple[str, ...]
    groups: tuple[str, ...]
    subnets: tuple[str, ...]
    vpc: str
    endpoint: str
    buckets: tuple[str, ...]
    keys: tuple[str, ...]
    secrets: tuple[str, ...]

    @property
    def account(self) -> Account:
        """The account of the place."""
        return self.place.account

    @property
    def region(self) -> str:
        """The region of the place."""
        return self.place.region

    def secret(self, rng: Random) -> str:
        """Return the ARN of one of the secrets."""
        return self.place.arn("secretsmanager", f"secret:{rng.choice(self.secrets)}")

    def key(self, rng: Random) -> str:
        """Return the ARN of one of the KMS keys."""
        return self.place.arn("kms", f"key/{rng.choice(self.keys)}")


def estate(of: Place, seed: int) -> Estate:
    """Return what a place owns; the same for the same place and seed."""
    rng = Random(f"{seed}/{of.account.number}/{of.region}/estate")

    def some(prefix: str, count: int) -> tuple[str, ...]:
        return tuple(ids.resource(rng, prefix) for _ in range(count))

    size = 4 + round(90 * of.share)
    buckets = ("artifacts", "access-logs", "uploads", "exports", "terraform-state", "backups")
    return Estate(
        place=of,
        instances=some("i", size),
        interfaces=some("eni", size),
        volumes=some("vol", size),
        snapshots=some("snap", size),
        images=some("ami", 4),
        groups=some("sg", 8),
        subnets=some("subnet", 6),
        vpc=ids.resource(rng, "vpc"),
        endpoint=ids.resource(rng, "vpce"),
        buckets=tuple(f"example-{of.account.name}-{kind}-{of.region}" for kind in buckets),
        keys=tuple(ids.uuid(rng) for _ in range(8)),
        secrets=tuple(f"{of.account.name}/{service}-{ids.name(rng, 6)}" for service in SERVICES for _ in range(2)),
    )
