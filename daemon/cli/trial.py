"""`vigild test`: runs the tests written beside the rules."""

from __future__ import annotations

import orjson
import typer

from daemon.cli.explanation import failures
from daemon.cli.loading import load
from daemon.cli.options import ConfigOption, JsonOption, RulesOption
from daemon.errors import ConfigError
from daemon.rules.explain import RuleExplainer
from daemon.rules.trial import Verdict, run_tests


def run_rule_tests(
    config: ConfigOption = None,
    rules: RulesOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - typer's option
) -> None:
    """Run the tests written beside the rules; exit code 1 when a rule does not do what its test says."""
    settings, rule_set = load(config, rules)
    verdicts = list(run_tests(rule_set, settings.limits.event_log_groups))
    failed = [verdict for verdict in verdicts if not verdict.passed]
    if as_json:
        for verdict in verdicts:
            typer.echo(orjson.dumps(_report(verdict)))
        raise typer.Exit(1 if failed else 0)
    for verdict in failed:
        typer.echo("\n".join([_sentence(verdict), *_reasons(verdict)]))
    untested = [name for name, rule in rule_set.rules.items() if not rule.tests]
    if untested:
        typer.echo(f"without tests: {', '.join(untested)}")
    if not verdicts:
        raise ConfigError("no rule has a test")
    typer.echo(f"{len(rule_set.rules)} rules, {len(verdicts)} tests, {len(failed)} failed")
    raise typer.Exit(1 if failed else 0)


def _report(verdict: Verdict) -> dict[str, object]:
    names = {"rule": verdict.rule.matched.name, "origin": verdict.rule.origin, "test": verdict.test.name}
    passed = {"passed": verdict.passed, "matched": verdict.matched, "must_match": verdict.test.match}
    return {**names, **passed, "fault": verdict.fault, "reasons": [] if verdict.passed else _reasons(verdict)}


def _reasons(verdict: Verdict) -> list[str]:
    """Return why a rule that must match does not: what `vigild explain` says fails, of the event that comes nearest."""
    if verdict.fault or verdict.matched or not verdict.events:
        return []
    explainer = RuleExplainer(verdict.rule)
    event = min(verdict.events, key=explainer.misses)
    return failures(event, explainer.explain(event))


def _sentence(verdict: Verdict) -> str:
    rule, test_case = verdict.rule, verdict.test
    if verdict.fault:
        what = f"the event cannot be read: {verdict.fault}"
    else:
        what = "matched, but must not" if verdict.matched else "did not match, but must"
    return f"{rule.origin}: {rule.matched.name}: {test_case.name!r}: {what}"
