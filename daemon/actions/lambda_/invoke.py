"""Hands the event to a Lambda function."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import orjson

from daemon.actions.base import Image, Permissions, Plan, Redo
from daemon.actions.calling import Calling, CallingConfig
from daemon.actions.subject import Subject
from daemon.clients.estate import Writer
from daemon.errors import FailureKind, PermanentError
from daemon.text_form import TextForm

FunctionArn = Annotated[
    str,
    TextForm(
        r"^arn:aws[a-z-]*:lambda:[a-z]+(-[a-z]+)+-[0-9]:[0-9]{12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9$_-]+)?$",
        "the ARN of a function, with or without an alias",
        "arn:aws:lambda:eu-west-1:123456789012:function:repair",
    ),
]


class InvokeConfig(CallingConfig):
    """Invokes a function with the event as its payload."""

    type: Literal["lambda.invoke"]
    function_arn: FunctionArn
    """The function, with a version or alias behind its name where one is meant; an event never chooses it."""
    wait: bool = False
    """Whether to wait for its answer and fail where the function fails; else Lambda queues the event."""


class Invoke(Calling[InvokeConfig]):
    """The function gets the event with the intent's id as client context; what a crash cut off is not called again."""

    verb: ClassVar = "invoke"
    redo: ClassVar = Redo.NEVER
    permissions: ClassVar = Permissions(
        write=("lambda:InvokeFunction",), resources=("arn:aws:lambda:{region}:{account}:function:*",)
    )

    @property
    def callee(self) -> str:
        """See Calling."""
        return self.config.function_arn

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action."""
        del plan
        answer = await api.write(
            "lambda",
            "invoke",
            FunctionName=self.config.function_arn,
            InvocationType="RequestResponse" if self.config.wait else "Event",
            Payload=orjson.dumps({**subject.values["event"], "vigild-key": key}),
        )
        if answer.get("FunctionError"):
            raise PermanentError(FailureKind.REFUSED, f"the function failed: {answer['FunctionError']}")
        return {"status": answer["StatusCode"]}
