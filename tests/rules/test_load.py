from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from daemon.errors import ConfigError
from daemon.rules import RuleSet
from daemon.rules.load import load_rules
from daemon.rules.trial import run_tests

GOOD = """
    rules:
      - name: stopped
        description: An instance stopped.
        severity: high
        pattern:
          source: [aws.ec2]
          detail: {state: [stopped]}
        tests:
          - name: it stops
            match: true
            event: {source: aws.ec2, detail-type: x, id: a, detail: {state: stopped}}
"""

BAD_TRANSFORMER = """rules:
  - {name: x, description: d, pattern: {a: [1]}, targets: [{target: alerts,
    input_transformer: {InputTemplate: '<nobody>'}}]}
"""


def load(folder: Path, *texts: str) -> RuleSet:
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(dedent(text))
    return load_rules([folder], ["alerts", "pager"], ["alerts"])


def problems(folder: Path, *texts: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, *texts)
    return [problem.removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_a_rule_is_loaded_with_its_defaults(tmp_path: Path) -> None:
    """A rule without targets goes to the default ones, and matches."""
    rules = load(tmp_path, GOOD)

    assert [route.target for route in rules.rules["stopped"].matched.routes] == ["alerts"]
    assert rules.matcher.find(b'{"source":"aws.ec2","detail":{"state":"stopped"}}') == ["stopped"]
    assert rules.files == 1


def test_a_pattern_may_be_the_json_of_the_console(tmp_path: Path) -> None:
    """A pattern pasted as JSON text works like one written in YAML."""
    rules = load(
        tmp_path,
        """
        rules:
          - name: pasted
            description: x
            pattern: |
              {
                "source": ["aws.s3"]
              }
        """,
    )

    assert rules.matcher.find(b'{"source":"aws.s3"}') == ["pasted"]


def test_what_is_sent_at_once_is_not_gathered(tmp_path: Path) -> None:
    """A rule's target has keys of its own or none, and only such as a group can have."""
    text = "rules: [{{name: x, description: d, pattern: {{a: [1]}}, targets: [{{target: pager, {0}}}]}}]"

    both = "\n".join(problems(tmp_path, text.format("at_once: true, group_by: [rule]")))
    assert "what is sent at_once has no group_by" in both
    unknown = "\n".join(problems(tmp_path, text.format("group_by: [who]")))
    assert "'who': expected one of rule, " in unknown


def test_targets_may_carry_an_input_transformer(tmp_path: Path) -> None:
    """A target reference with InputPathsMap and InputTemplate becomes a route with a transformer."""
    rules = load(
        tmp_path,
        """
        rules:
          - name: shaped
            description: x
            pattern: {source: [a]}
            targets:
              - pager
              - target: alerts
                input_transformer: {InputPathsMap: {who: $.detail.who}, InputTemplate: '"<who> did it"'}
        """,
    )

    plain, shaped = rules.rules["shaped"].matched.routes
    assert plain.transformer is None
    assert shaped.transformer is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rules:\n  - nam: x\n", "0.yaml:2: rules[0].nam: unknown field; did you mean 'name'?"),
        ("rule: []\n", "0.yaml:1: rule: unknown field; did you mean 'rules'?"),
        ("rules:\n  - name: x\n    pattern: {a: [1]}\n", "0.yaml:2: rules[0]: 'description' is missing"),
        ("rules: 5\n", "0.yaml:1: rules: must be a list"),
        (
            "rules:\n  - name: x\n    description: d\n    severity: hihg\n    pattern: {a: [1]}\n",
            "0.yaml:4: rules[0].severity: unknown value 'hihg'; did you mean 'high'?",
        ),
        (
            "rules:\n  - name: x\n    description: [d]\n    pattern: {a: [1]}\n",
            "0.yaml:3: rules[0].description: must be text",
        ),
        ("[1, 2]\n", "0.yaml:1: "),
        (
            "rules:\n  - name: x\n    description: d\n    severity: hihg\n    pattern: {a: [1]}\n",
            "0.yaml:4: rules[0].severity: ",
        ),
        (
            "rules:\n  - name: x\n    description: d\n    pattern:\n      detail:\n        a: [{prefx: b}]\n",
            "0.yaml:6: rules[0].pattern.detail.a",
        ),
        (
            "rules:\n  - name: x\n    description: d\n    pattern: '{\"a\": 1}'\n",
            "0.yaml:4: rules[0].pattern: EventBridge refuses this: ",
        ),
        (
            'rules:\n  - name: x\n    description: d\n    pattern: |\n\n      {"a": [1],\n       "b": [{}]}\n',
            "0.yaml:7: rules[0].pattern: EventBridge refuses this: ",
        ),
        (
            (
                "rules:\n  - name: x\n    description: d\n    pattern:\n"
                "      a.b:\n        c d: [1]\n        'e\"': [1]\n        f: 1\n"
            ),
            "0.yaml:8: rules[0].pattern.a.b.f: EventBridge refuses this: ",
        ),
        (
            "rules:\n  - name: x\n    description: d\n    pattern: {a: [1]}\n    targets: [alrts]\n",
            "0.yaml:5: rules[0].targets[0]: no target is called 'alrts'; did you mean 'alerts'?",
        ),
        (
            "rules:\n  - name: x\n    description: d\n    pattern: {a: [1]}\n    targets: [pager, pager]\n",
            "0.yaml:5: rules[0].targets[1]: 'pager' stands here twice",
        ),
        ("rules:\n  - name: Bad Name\n    description: d\n    pattern: {a: [1]}\n", "0.yaml:2: rules[0].name: "),
        ("rules:\n  - name: [\n", "0.yaml:"),
        ("a: 1\na: 2\n", "0.yaml:2: 'a' stands here a second time"),
        (
            BAD_TRANSFORMER,
            "0.yaml:3: rules[0].targets[0].input_transformer: ",
        ),
    ],
)
def test_a_fault_names_file_line_and_field(tmp_path: Path, text: str, expected: str) -> None:
    """Each kind of slip is said where it stands, with the near miss where there is one."""
    found = problems(tmp_path, text)

    assert any(problem.startswith(expected) for problem in found), found


def test_a_name_twice_names_both_places(tmp_path: Path) -> None:
    """The second rule of one name is refused, pointing to the first."""
    (problem,) = problems(tmp_path, GOOD, GOOD)

    assert problem.startswith("1.yaml:3: rules[0].name: 'stopped' is the name of a rule at ")
    assert "0.yaml:3" in problem


def test_all_faults_of_all_files_are_said_at_once(tmp_path: Path) -> None:
    """A user mends everything in one go."""
    bad = GOOD.replace("state: [stopped]", "state: stopped")
    found = problems(tmp_path, bad, bad.replace("stopped\n", "other\n"), "rules:\n  - {}\n")

    assert len(found) >= 3


def test_a_faulty_rule_hides_no_fault_of_its_neighbours(tmp_path: Path) -> None:
    """What one rule lacks and what is wrong in the patterns of the others is said at once, each with what was meant."""
    text = """
        rules:
          - {name: a, descripton: d, pattern: {source: [x]}}
          - {name: b, description: d, pattern: {source: aws.ec2}}
          - {name: c, description: d, pattern: {source: [{prefixx: aws}]}}
    """
    field, array, operator = problems(tmp_path, text)

    assert "0.yaml:3: rules[0].descripton: unknown field; did you mean 'description'?" in field
    assert 'must be an object or an array: write ["aws.ec2"]' in array
    assert "unknown operator 'prefixx'; did you mean 'prefix'?" in operator


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    """A path that is not there is a fault, not an empty rule set."""
    with pytest.raises(ConfigError, match="no such file or folder"):
        load_rules([tmp_path / "nowhere"], [], [])


def test_a_path_that_may_not_be_looked_at_is_a_fault(tmp_path: Path) -> None:
    """What the file system says of a path is told like any other fault, so that a reload keeps the old rules."""
    with pytest.raises(ConfigError, match="File name too long"):
        load_rules([tmp_path / ("n" * 300)], [], [])


def test_tests_beside_rules_are_run(tmp_path: Path) -> None:
    """A rule that does as its test says passes, one that does not fails, an unreadable event fails with its fault."""
    text = GOOD + (
        "          - {name: wrong, match: false, "
        "event: {source: aws.ec2, detail-type: x, id: a, detail: {state: stopped}}}\n"
        "          - {name: unreadable, match: true, event: {source: 5, detail-type: x, id: a, detail: {}}}\n"
    )
    verdicts = list(run_tests(load(tmp_path, text)))

    assert [verdict.passed for verdict in verdicts] == [True, False, False]
    assert "source" in verdicts[2].fault


@pytest.mark.parametrize("text", ["", "# rules: later\n", "rules: []\n", "---\n", "~\n"])
def test_a_file_without_a_rule_is_a_fault(tmp_path: Path, text: str) -> None:
    """A file that was cut off or commented out is named, also beside a good one."""
    assert problems(tmp_path, GOOD, text) == ["1.yaml: holds no rule; remove the file if there shall be none"]


def test_a_folder_without_a_rule_file_is_a_fault(tmp_path: Path) -> None:
    """Rules under another ending, or none, are told of instead of being left out."""
    (tmp_path / "rules.yaml.new").write_text(dedent(GOOD))

    with pytest.raises(ConfigError, match=r"no file in this folder ends in \.yaml or \.yml"):
        load_rules([tmp_path], ["alerts"], ["alerts"])


def test_no_path_at_all_is_a_fault() -> None:
    """`rules: []` in the configuration watches for nothing."""
    with pytest.raises(ConfigError, match="names no file or folder"):
        load_rules([], ["alerts"], ["alerts"])


def test_a_folder_mounted_from_a_configmap_holds_each_rule_once(tmp_path: Path) -> None:
    """Kubernetes lays files under `..<time>/` and links to them: what starts with a dot is left out."""
    (tmp_path / "..2026_11_26").mkdir()
    (tmp_path / "..2026_11_26" / "rules.yaml").write_text(dedent(GOOD))
    (tmp_path / "..data").symlink_to("..2026_11_26")
    (tmp_path / "rules.yaml").symlink_to("..data/rules.yaml")

    rules = load_rules([tmp_path], ["alerts"], ["alerts"])
    assert (list(rules.rules), rules.files) == (["stopped"], 1)
