"""Secrets in the configuration: the text itself, or where AWS keeps it.

    aws-secret:NAME-OR-ARN         a secret of Secrets Manager, AWSCURRENT
    aws-parameter:NAME-OR-ARN      a parameter of SSM Parameter Store, decrypted
    …#KEY                          of the JSON object there, the text under this key

Configurations use Secret as the type of a field; clients/secrets.py reads what it refers to, `vigild iam-policy` grants
that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, SecretStr

from daemon.grants import Grant, Place

_SERVICES = {"aws-secret": "secretsmanager", "aws-parameter": "ssm"}
_READING = {
    "secretsmanager": ("secretsmanager:GetSecretValue", "SecretARN"),
    "ssm": ("ssm:GetParameter", "PARAMETER_ARN"),
}
"""The IAM action, and where the secret's ARN stands in what KMS is asked (AWS KMS developer guide, encryption
context)."""
_REFERENCE = re.compile(r"(aws-secret|aws-parameter):([A-Za-z0-9/_+=.@:-]{1,2048})(?:#([^\s#]{1,256}))?")
_WITH_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}$")


class SecretReference(NamedTuple):
    """Where AWS keeps a secret."""

    prefix: str
    name: str
    """Name or ARN."""
    key: str | None

    @property
    def service(self) -> str:
        """The AWS service that is asked."""
        return _SERVICES[self.prefix]

    @property
    def region(self) -> str | None:
        """The region that an ARN names."""
        return self.name.split(":")[3] if self.name.startswith("arn:") and self.name.count(":") > 3 else None

    def grants(self, place: Place) -> Iterator[Grant]:
        """Yield what reading it needs."""
        action, context = _READING[self.service]
        arn = self._arn(place)
        yield Grant((action,), (arn,))
        # Which key it lies under is not said; AWS's own needs no permission, any other this one, for this text alone.
        partition, _, region = (*arn.split(":")[1:4], "*", "*", "*")[:3]
        via = ("kms:ViaService", f"{self.service}.{region}.amazonaws.com*")
        yield Grant(
            ("kms:Decrypt",),
            (f"arn:{partition}:kms:{region}:*:key/*",),
            (via, (f"kms:EncryptionContext:{context}", arn)),
        )

    def _arn(self, place: Place) -> str:
        """Return the ARN that the name stands for, as a pattern."""
        arn = self.name
        if not arn.startswith("arn:"):
            kind = f"secret:{arn}" if self.service == "secretsmanager" else f"parameter/{arn.lstrip('/')}"
            arn = f"arn:aws:{self.service}:{place.region}:{place.account}:{kind}"
        if self.service == "secretsmanager" and not _WITH_SUFFIX.search(arn):
            # Secrets Manager puts six characters of its own behind the name.
            arn += "-??????"
        return arn

    def __str__(self) -> str:
        return f"{self.prefix}:{self.name}" + (f"#{self.key}" if self.key else "")


def reference_of(secret: SecretStr) -> SecretReference | None:
    """Return what a secret refers to; None where it is the text itself.  Raises ValueError, which quotes nothing."""
    text = secret.get_secret_value()
    if not text.startswith(tuple(f"{prefix}:" for prefix in _SERVICES)):
        return None
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise ValueError("not a reference: aws-secret:NAME or aws-parameter:NAME, with #KEY behind it for JSON")
    return SecretReference(*found.groups())


class LeastLength(NamedTuple):
    """The least characters of a secret: checked here where it is the text itself, once read where it is elsewhere."""

    characters: int

    def __call__(self, secret: SecretStr) -> SecretStr:
        """Validate."""
        if reference_of(secret) is None and len(secret) < self.characters:
            raise ValueError(f"shorter than {self.characters} characters")
        return secret


Secret = Annotated[SecretStr, AfterValidator(LeastLength(1))]
"""A secret, or a reference to one."""


def references_in(*models: BaseModel) -> Iterator[SecretReference]:
    """Yield what the secrets of these configurations refer to."""
    for model in models:
        for name in type(model).model_fields:
            for value in _values(getattr(model, name)):
                if isinstance(value, SecretStr) and (reference := reference_of(value)) is not None:
                    yield reference


def _values(value: Any) -> Iterator[Any]:
    yield from value.values() if isinstance(value, Mapping) else (value,)
