"""cloudtrail.start-logging, config.start-recorder, kms.cancel-key-deletion, on an emulated estate."""

from __future__ import annotations

import uuid

import pytest

from daemon.actions.base import Decline, Declined
from daemon.actions.subject import SubjectError
from tests.actions.acting import ACCOUNT, acting, event_of
from tests.emulators import REGION, Emulator

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("by_arn", [False, True])
async def test_a_stopped_trail_records_again_and_back(moto: Emulator, *, by_arn: bool) -> None:
    """Named or by ARN, the trail records; undo stops it."""
    async with acting(moto, {"type": "cloudtrail.start-logging"}) as it:
        s3, trails = await it.aws.client("s3", REGION), await it.aws.client("cloudtrail", REGION)
        bucket, name = f"trail-{uuid.uuid4()}", f"trail-{uuid.uuid4().hex[:8]}"
        await s3.create_bucket(Bucket=bucket)
        made = await trails.create_trail(Name=name, S3BucketName=bucket)
        event = event_of(requestParameters={"name": made["TrailARN"] if by_arn else name})

        plan, applied = await it.act(event)
        assert (await trails.get_trail_status(Name=name))["IsLogging"]
        again = await it.plan(event)
        await it.undo(event, plan, applied)

        assert isinstance(again, Declined)
        assert not (await trails.get_trail_status(Name=name))["IsLogging"]


async def test_a_trail_of_another_account_is_ours_by_name_only(moto: Emulator) -> None:
    """An ARN with a forged account never leads there: the event's own account is asked, and has no such trail."""
    async with acting(moto, {"type": "cloudtrail.start-logging"}) as it:
        forged = event_of(requestParameters={"name": f"arn:aws:cloudtrail:{REGION}:999999999999:trail/theirs"})

        assert await it.plan(forged) is None
        assert (ACCOUNT, (f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/theirs",)) == (
            it.action.subject(forged).account,
            it.action.subject(forged).resources,
        )


async def test_a_stopped_recorder_records_again_and_back(moto: Emulator) -> None:
    """AWS Config records; undo stops it."""
    async with acting(moto, {"type": "config.start-recorder"}) as it:
        config = await it.aws.client("config", REGION)
        role = f"arn:aws:iam::{ACCOUNT}:role/config"
        group = {"allSupported": True, "includeGlobalResourceTypes": True}
        recorder = {"name": "default", "roleARN": role, "recordingGroup": group}
        await config.put_configuration_recorder(ConfigurationRecorder=recorder)
        await config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "bucket"})
        event = event_of(requestParameters={"configurationRecorderName": "default"})

        plan, applied = await it.act(event)
        status = await config.describe_configuration_recorder_status()
        await it.undo(event, plan, applied)

        assert status["ConfigurationRecordersStatus"][0]["recording"]
        other = event_of(requestParameters={"configurationRecorderName": "gone"})
        assert await it.plan(other) is None


@pytest.mark.parametrize(("enable", "state"), [(True, "Enabled"), (False, "Disabled")])
async def test_a_key_is_kept(moto: Emulator, *, enable: bool, state: str) -> None:
    """The deletion is cancelled, the key works again unless told otherwise; one that is not at risk is left alone."""
    async with acting(moto, {"type": "kms.cancel-key-deletion", "enable": enable}) as it:
        kms = await it.aws.client("kms", REGION)
        key = (await kms.create_key())["KeyMetadata"]["KeyId"]
        event = event_of(requestParameters={"keyId": key})
        before = await it.plan(event)
        await kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)

        await it.act(event)

        assert state == (await kms.describe_key(KeyId=key))["KeyMetadata"]["KeyState"]
        assert isinstance(before, Declined)
        assert Decline.ALREADY_RIGHT is before.reason


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("cloudtrail.start-logging", {"name": "../x"}),
        ("cloudtrail.start-logging", {}),
        ("config.start-recorder", {"configurationRecorderName": "a b"}),
        ("kms.cancel-key-deletion", {"keyId": "alias/somebody"}),
        ("kms.cancel-key-deletion", {"keyId": ["x"]}),
    ],
)
async def test_what_is_no_name_is_refused(moto: Emulator, kind: str, parameters: dict[str, object]) -> None:
    """What cannot be the name of such a thing never reaches AWS."""
    async with acting(moto, {"type": kind}) as it:
        with pytest.raises(SubjectError):
            await it.plan(event_of(requestParameters=parameters))
