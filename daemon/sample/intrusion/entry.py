"""Act one: passwords are tried until one fits, then everything that holds a secret is read."""

from __future__ import annotations

from random import Random

from daemon.sample import ids
from daemon.sample.intrusion.step import LEAKED_KEY, OPERATOR, STOLEN_NODE, Step, repeat
from daemon.sample.organisation import PRODUCTION, Estate, place
from daemon.sample.record import SIGN_IN, Call

_HOME = place(PRODUCTION)
_PLANT = place(PRODUCTION, "eu-west-1")


def _sign_in(outcome: str) -> Call:
    page = {"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": "No"}
    error = ("", "Failed authentication") if outcome == "Failure" else None
    answer = {"ConsoleLogin": outcome}
    return Call("signin", "ConsoleLogin", None, answer, page, read_only=False, kind=SIGN_IN, error=error)


def _refused(rng: Random) -> tuple[str, str]:
    """Return EC2's refusal, which carries the decision in a form that only its owner can decode."""
    reason = ids.token(rng, 480).replace("+", "-").replace("/", "_")
    return (
        "Client.UnauthorizedOperation",
        f"You are not authorized to perform this operation. Encoded authorization failure message: {reason}",
    )


def _read_user_data(estate: Estate, rng: Random) -> Call:
    request = {"instanceId": rng.choice(estate.instances), "attribute": "userData"}
    return Call("ec2", "DescribeInstanceAttribute", request, error=_refused(rng))


def _read_password(estate: Estate, rng: Random) -> Call:
    return Call("ec2", "GetPasswordData", {"instanceId": rng.choice(estate.instances)}, error=_refused(rng))


def _read_secret(estate: Estate, rng: Random) -> Call:
    return Call("secretsmanager", "GetSecretValue", {"secretId": estate.secret(rng)})


def _read_all_secrets(_estate: Estate, _rng: Random) -> Call:
    """Ask for every secret without a tag that no secret has."""
    request = {"filters": [{"key": "tag-key", "values": ["!no-such-tag"]}], "maxResults": 20}
    return Call("secretsmanager", "BatchGetSecretValue", request)


def _read_parameters(_estate: Estate, _rng: Random) -> Call:
    return Call("ssm", "GetParametersByPath", {"path": "/", "recursive": True, "withDecryption": True})


ENTRY = (
    *repeat(
        ("01:51:07", "01:51:19", "01:51:40", "01:52:02", "01:52:31"),
        _HOME, OPERATOR, "console-login-failed", lambda _e, _r: _sign_in("Failure"),
    ),
    Step("01:53:15", _HOME, OPERATOR, ("console-login-without-mfa",), lambda _e, _r: _sign_in("Success")),
    *repeat(
        ("02:11:04", "02:11:06", "02:11:07", "02:11:09"),
        _PLANT, STOLEN_NODE, "instance-user-data-read-denied", _read_user_data,
    ),
    *repeat(
        ("02:16:30", "02:16:31", "02:16:31", "02:16:33", "02:16:34", "02:16:36"),
        _PLANT, STOLEN_NODE, "ec2-password-data-read", _read_password,
    ),
    *repeat(
        ("02:40:12", "02:40:13", "02:40:13", "02:40:14", "02:40:15", "02:40:17", "02:40:18", "02:40:18"),
        _PLANT, LEAKED_KEY, "secret-read-by-iam-user", _read_secret,
    ),
    Step("02:44:51", _PLANT, LEAKED_KEY, ("secrets-read-in-bulk",), _read_all_secrets),
    Step("02:47:20", _PLANT, LEAKED_KEY, ("parameters-decrypted-by-iam-user",), _read_parameters),
)  # fmt: skip
