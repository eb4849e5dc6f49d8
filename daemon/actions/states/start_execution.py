"""Starts an execution of a Step Functions state machine with the event as input."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import orjson

from daemon.actions.base import Image, Permissions, Plan, Redo
from daemon.actions.calling import Calling, CallingConfig
from daemon.actions.subject import Subject
from daemon.clients.estate import Writer
from daemon.text_form import TextForm

MachineArn = Annotated[
    str,
    TextForm(
        r"^arn:aws[a-z-]*:states:[a-z]+(-[a-z]+)+-[0-9]:[0-9]{12}:stateMachine:[A-Za-z0-9_-]{1,80}$",
        "the ARN of a state machine, without a version",
        "arn:aws:states:eu-west-1:123456789012:stateMachine:repair",
    ),
]


class StartExecutionConfig(CallingConfig):
    """Starts an execution with the event as its input."""

    type: Literal["states.start-execution"]
    state_machine_arn: MachineArn
    """The state machine, of type standard; an event never chooses it."""


class StartExecution(Calling[StartExecutionConfig]):
    """One execution an intent: its name is the intent's id, and Step Functions takes the same name and input once."""

    verb: ClassVar = "start"
    redo: ClassVar = Redo.REPEAT
    permissions: ClassVar = Permissions(
        write=("states:StartExecution",), resources=("arn:aws:states:{region}:{account}:stateMachine:*",)
    )

    @property
    def callee(self) -> str:
        """See Calling."""
        return self.config.state_machine_arn

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action."""
        del plan
        answer = await api.write(
            "stepfunctions",
            "start_execution",
            stateMachineArn=self.config.state_machine_arn,
            name=key,
            input=orjson.dumps(subject.values["event"]).decode(),
        )
        return {"execution": answer["executionArn"]}
