"""The actions on Systems Manager, on an emulated estate."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.actions.base import Decline, Declined
from daemon.actions.ssm.values import fill
from daemon.actions.subject import SubjectError
from tests.actions.acting import KEY, acting, event_of
from tests.e2e.estates import make_stopped_instance
from tests.emulators import REGION, Emulator

pytestmark = pytest.mark.anyio

PATCH = {
    "type": "ssm.run-document",
    "document": "AWS-RunShellScript",
    "parameters": {"commands": ["yum -y update-minimal {package}"]},
    "values": {"package": "$.detail.packageVulnerabilityDetails.vulnerablePackages[0].name"},
}


def finding(instance: str, package: object = "openssl-libs") -> dict[str, Any]:
    """Return an Inspector finding, as far as it counts here."""
    return event_of(
        resources=[{"id": instance, "type": "AWS_EC2_INSTANCE"}],
        packageVulnerabilityDetails={"vulnerablePackages": [{"name": package}]},
    )


async def test_a_package_is_patched_once_an_intent(moto: Emulator) -> None:
    """The command gets the finding's package; a repeat of the intent finds the command and sends no other."""
    async with acting(moto, PATCH) as it:
        instance = await make_stopped_instance(it.aws)
        stopped = await it.plan(finding(instance))
        ec2, ssm = await it.aws.client("ec2", REGION), await it.aws.client("ssm", REGION)
        await ec2.start_instances(InstanceIds=[instance])

        _, first = await it.act(finding(instance))
        _, again = await it.act(finding(instance))

        assert isinstance(stopped, Declined)
        assert (Decline.CHANGED, first, 1) == (stopped.reason, again, len(it.written))
        (command,) = (await ssm.list_commands(CommandId=first["command"]))["Commands"]
        assert command["Parameters"] == {"commands": ["yum -y update-minimal openssl-libs"]}
        assert f"vigild {KEY}" == command["Comment"]


@pytest.mark.parametrize(
    "package", ["x; rm -rf /", "$(id)", "`id`", "-rf", "a b", "a\nb", "", None, ["a", "b"], "x" * 200]
)
async def test_no_event_puts_a_command_into_a_command(moto: Emulator, package: object) -> None:
    """A package's name with anything but letters, digits and a few signs in it is refused."""
    async with acting(moto, PATCH) as it:
        with pytest.raises(SubjectError, match="package"):
            await it.plan(finding("i-0123456789abcdef0", package))


def test_only_known_places_are_filled() -> None:
    """Braces of the script's own stay as they are."""
    assert fill({"a": ("x ${y} {unknown} {name}",)}, {"name": "v"}) == {"a": ["x ${y} {unknown} v"]}
