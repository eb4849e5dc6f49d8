"""Makes a RuleSet of rule files; app.py and the command line call load_rules.

Every fault of every file is collected before it gives up, each named with file, line and field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.dispatch.notices import Headline
from daemon.dispatch.plan import MatchedRule, Route
from daemon.errors import ConfigError, FilterError, PatternError
from daemon.event import Event
from daemon.match import Matcher
from daemon.near_miss import near_miss
from daemon.rules import Rule, RuleSet
from daemon.rules.logs import LogRules, extraction
from daemon.rules.model import LogCondition, RuleConfig, TargetReference
from daemon.rules.read import Place, read_rules, rule_files

_SHOWN_CHARACTERS = 20


def load_rules(
    paths: Sequence[Path], targets: Sequence[str], default_targets: Sequence[str], actions: Sequence[str] = ()
) -> RuleSet:
    """Load the files, and the .yaml and .yml files of the folders (whole trees, sorted), in the order given.

    `targets` and `actions` are the names that rules may refer to.  Raises ConfigError with every fault found.
    """
    if not paths:
        raise ConfigError("rules: names no file or folder")
    loading = _Loading(targets, default_targets, actions)
    files = list(rule_files(paths, loading.problems))
    for path in files:
        for config, place in read_rules(path, loading.problems):
            loading.add_rule(config, place)
    matcher = loading.compile()
    if loading.problems or matcher is None:
        raise ConfigError(*loading.problems)
    return RuleSet(loading.rules, matcher, loading.compile_logs(), len(files), loading.actions_written)


@dataclass(slots=True)
class _Loading:
    """Rules found so far, and faults."""

    targets: Sequence[str]
    default_targets: Sequence[str]
    actions: Sequence[str]
    rules: dict[str, Rule] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    actions_written: dict[str, Any] = field(default_factory=dict)
    _patterns: dict[str, dict[str, Any] | str] = field(default_factory=dict)
    _conditions: dict[str, LogCondition] = field(default_factory=dict)
    _places: dict[str, Place] = field(default_factory=dict)

    def add_rule(self, config: RuleConfig, place: Place) -> None:
        if config.name in self.rules:
            first = self.rules[config.name].origin
            self.problems.append(place.problem(f"{config.name!r} is the name of a rule at {first} already", "name"))
            return
        self.actions_written |= place.file.data.get("actions") or {}
        headline = Headline(config.name, config.severity, config.description)
        extract = self._extraction(config.log, place) if config.log else None
        matched = MatchedRule(headline, (*self._routes(config, place), *self._actions(config, place)), extract)
        self.rules[config.name] = Rule(place.origin, matched, config.pattern, config.log, config.tests)
        self._places[config.name] = place
        if config.pattern is not None:
            self._patterns[config.name] = config.pattern
        if config.log is not None:
            self._conditions[config.name] = config.log

    def _routes(self, config: RuleConfig, place: Place) -> tuple[Route, ...]:
        if config.targets is None:
            return tuple(Route(target) for target in self.default_targets)
        routes: dict[str, Route] = {}
        for index, entry in enumerate(config.targets):
            reference = entry if isinstance(entry, TargetReference) else TargetReference(target=entry)
            if reference.target not in self.targets:
                hint = near_miss(reference.target, self.targets)
                self.problems.append(place.problem(f"no target is called {reference.target!r}{hint}", "targets", index))
            elif reference.target in routes:
                self.problems.append(place.problem(f"{reference.target!r} stands here twice", "targets", index))
            else:
                transformer = reference.input_transformer.compile() if reference.input_transformer else None
                route = Route(reference.target, transformer, reference.group_by, reference.at_once)
                routes[reference.target] = route
        return tuple(routes.values())

    def _actions(self, config: RuleConfig, place: Place) -> Iterator[Route]:
        for index, name in enumerate(config.actions):
            if name not in self.actions and name in (place.file.data.get("actions") or ()):
                message = f"{name!r} is new in this file, and actions are read when the daemon starts only"
                self.problems.append(place.problem(message, "actions", index))
            elif name not in self.actions:
                hint = near_miss(name, self.actions)
                self.problems.append(place.problem(f"no action is called {name!r}{hint}", "actions", index))
            elif name in config.actions[:index]:
                self.problems.append(place.problem(f"{name!r} stands here twice", "actions", index))
            else:
                yield Route(name)

    def _extraction(self, condition: LogCondition, place: Place) -> Callable[[Event], Event] | None:
        try:
            return extraction(condition)
        except FilterError as error:
            line = condition.filter.count("\n", 0, error.position) + 1
            text = f"CloudWatch Logs refuses this: {error.reason} ({_spot(condition.filter, error.position)})"
            self.problems.append(place.filter_problem(text, line))
            return None

    def compile(self) -> Matcher | None:
        """Return the matcher of all rules; on a fault look at each pattern alone, to name every one that is wrong."""
        try:
            return Matcher(self._patterns)
        except PatternError:
            for name, pattern in self._patterns.items():
                try:
                    Matcher({name: pattern})
                except PatternError as error:
                    text = f"EventBridge refuses this: {error.reason} (at {error.path})"
                    self.problems.append(self._places[name].pattern_problem(text, error.path, error.line or 0))
            return None

    def compile_logs(self) -> LogRules:
        """Return the `log:` conditions of all rules; their filters have been checked one by one."""
        return LogRules(self._conditions, list(self.rules), self._patterns)


def _spot(text: str, position: int) -> str:
    """Return where in a filter pattern an error is, in words."""
    following = text[position : position + _SHOWN_CHARACTERS]
    return f"at character {position}, {f'before {following!r}' if following else 'at its end'}"
