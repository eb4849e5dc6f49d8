"""Runs a Systems Manager document on instances: patches them, above all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from daemon.actions.base import Action, Change, Decline, Declined, Image, Permissions, Plan, Redo, Verdict
from daemon.actions.config import ActionConfig
from daemon.actions.ec2.instances import IN_EVENT, instances_of, states_image
from daemon.actions.ssm.values import DocumentName, fill, values_in
from daemon.actions.subject import FromEvent, Subject
from daemon.clients.estate import Reader, Writer
from daemon.text_form import TextForm

_UNDER_WAY: Final = frozenset({"Pending", "InProgress", "Delayed"})
_INSPECTOR: Final[tuple[str, ...]] = ("$.detail.resources[0].id", *IN_EVENT)

ValueName = Annotated[str, TextForm(r"^[a-z][a-z0-9_]{0,31}$", "at most 32 small letters, digits and _", "package")]


class RunDocumentConfig(ActionConfig):
    """Sends a command to the instances that the event names, and waits for its result."""

    reads_tags: ClassVar = True
    type: Literal["ssm.run-document"]
    document: DocumentName
    """The document: "AWS-RunPatchBaseline", "AWS-RunShellScript", one of your own.  An event never chooses it."""
    parameters: dict[str, tuple[str, ...]] = Field(default={})
    """Its parameters; `{name}` stands for a value of `values`."""
    values: dict[ValueName, FromEvent] = Field(default={})
    """Where the event has what parameters need, a package's name say.  Only letters, digits, `.`, `+`, `_` and `-` are
    let through, none leading with `-`: no event can put a command into a command."""
    instance_ids: FromEvent = _INSPECTOR
    """Where the event names the instances: an Inspector finding, or whatever else."""
    verify_seconds: float = Field(default=3_600.0, ge=1, le=7_200)
    """How long the command may take."""
    max_concurrency: int = Field(default=16, ge=1, le=64)
    """How many commands are waited for at the same time."""
    cooldown_seconds: float = Field(default=3_600.0, ge=0, le=86_400)
    """After a command on an instance, how long this action leaves it alone."""


class RunDocument(Action[RunDocumentConfig]):
    """One command an intent, found again by its comment after a crash; it has done well when it succeeded on every
    instance.  There is no undo.
    """

    redo: ClassVar = Redo.REPEAT
    permissions: ClassVar = Permissions(
        read=("ec2:DescribeInstances", "ssm:ListCommands", "ssm:GetCommandInvocation"),
        write=("ssm:SendCommand",),
        resources=("arn:aws:ssm:{region}:*:document/*", "arn:aws:ec2:{region}:{account}:instance/*"),
    )

    @property
    def acts_on(self) -> tuple[str, ...]:
        """See Action: this document alone, AWS's or one's own, on any instance."""
        documents, instances = self.permissions.resources
        name = self.config.document.rpartition("/")[2]
        return documents.removesuffix("*") + name, instances

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        found = instances_of(event, self.config.instance_ids)
        values = values_in(event, self.config.values)
        return Subject(found.account, found.region, found.resources, {"values": values})

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: which instances run."""
        return await states_image(subject, api)

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        idle = [name for name, state in image["states"].items() if state != "running"]
        if idle:
            return Declined(Decline.CHANGED, f"not running: {', '.join(idle)}")
        parameters = fill(self.config.parameters, subject.values["values"])
        instances = ", ".join(image["states"])
        return Plan(
            summary=f"run {self.config.document} on {instances}",
            changes=tuple(Change(name, self.config.document, None, parameters) for name in image["states"]),
            before=image,
            after=image,
            resource_tags=image["tags"],
        )

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action: a command of this intent that is there already is not sent again."""
        instances = list(plan.before["states"])
        sent = await api.pages("ssm", "list_commands", "Commands", InstanceId=instances[0], MaxResults=50)
        ours = [command["CommandId"] for command in sent if command.get("Comment") == _comment(key)]
        if ours:
            return {"command": ours[0]}
        answer = await api.write(
            "ssm",
            "send_command",
            DocumentName=self.config.document,
            InstanceIds=instances,
            Parameters=fill(self.config.parameters, subject.values["values"]),
            Comment=_comment(key),
        )
        return {"command": answer["Command"]["CommandId"]}

    async def verify(self, subject: Subject, plan: Plan, applied: Image, api: Reader) -> Verdict:
        """See Action: the command's result on each instance."""
        del subject
        statuses = set()
        for instance in plan.before["states"]:
            answer = await api.find(
                "ssm", "get_command_invocation", _NOT_YET, CommandId=applied["command"], InstanceId=instance
            )
            statuses.add(answer["Status"] if answer is not None else "Pending")
        if statuses & _UNDER_WAY:
            return Verdict.NOT_YET
        return Verdict.SETTLED if statuses == {"Success"} else Verdict.FAILED


_NOT_YET: Final = frozenset({"InvocationDoesNotExist"})


def _comment(key: str) -> str:
    return f"vigild {key}"
