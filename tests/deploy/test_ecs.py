"""The CloudFormation template: valid, of least privilege, and a configuration that the daemon takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemon.settings import load_settings
from tests.deploy.tools import DEPLOY, run, tool

TEMPLATE = DEPLOY / "ecs" / "vigild.yaml"
STARS_ALLOWED = {("ecr:GetAuthorizationToken", "*")}
"""Has no resource of its own (service authorization reference, Amazon ECR)."""


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short functions as {name: argument}."""


def _function(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    return {suffix: None}


_Loader.add_multi_constructor("!", _function)


def load_template(path: Path) -> dict[str, Any]:
    """Return a template with its functions taken apart."""
    loaded: dict[str, Any] = yaml.load(path.read_text(), _Loader)
    return loaded


def template() -> dict[str, Any]:
    return load_template(TEMPLATE)


def every(value: Any, key: str) -> list[Any]:
    """Return all values under `key`, however deep."""
    if isinstance(value, dict):
        return [found for name, inner in value.items() for found in ([inner] if name == key else every(inner, key))]
    if isinstance(value, list):
        return [found for inner in value for found in every(inner, key)]
    return []


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_cloudformation_accepts_it() -> None:
    """cfn-lint has nothing to say."""
    run(tool("cfn-lint", "cfn-lint"), str(TEMPLATE))


def test_no_statement_allows_more_than_it_names() -> None:
    """A star stands only where AWS has nothing narrower."""
    stars = {
        (action, resource)
        for statements in every(template(), "Statement")
        for statement in statements
        for action in as_list(statement.get("Action", statement.get("If", [None])))
        for resource in as_list(statement.get("Resource"))
        if isinstance(action, str) and statement.get("Effect") == "Allow" and (resource == "*" or "*" in action)
    }

    assert stars <= STARS_ALLOWED


def test_the_task_may_do_what_the_daemon_calls() -> None:
    """Every call of the SQS source and the SNS sink is in the policy, and no other SQS call."""
    text = TEMPLATE.read_text()

    assert {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"} <= set(
        re.findall(r"sqs:\w+", text)
    )
    assert "sns:Publish" in text


def test_the_daemon_takes_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that the task is given makes a configuration with a source, a target and a dead-letter queue."""
    for variable in every(template(), "Environment")[0]:
        if "Name" not in variable:
            continue
        value = variable["Value"]
        if isinstance(value, dict):
            value = value.get("Sub") or {"VIGILD_AWS__REGION": "eu-west-1", "VIGILD_TELEMETRY__LOG_LEVEL": "info"}.get(
                variable["Name"], "0.0.0.0:9464"
            )
        value = value.replace("${EventsQueue}", "https://sqs.eu-west-1.amazonaws.com/111122223333/events")
        value = value.replace("${Parked}", "https://sqs.eu-west-1.amazonaws.com/111122223333/parked")
        monkeypatch.setenv(
            variable["Name"], value.replace("${AlertTopicArn}", "arn:aws:sns:eu-west-1:111122223333:alerts")
        )
    settings = load_settings(None)

    assert settings.sources["events"].type == "sqs"
    assert settings.targets["alerts"].type == "sns"
    assert json.loads(settings.model_dump_json())["dead_letters"]["default"]["type"] == "sqs"
