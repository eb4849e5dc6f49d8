"""The systemd unit: accepted by systemd, sandboxed, and in step with how the daemon stops."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from daemon.settings import load_settings
from tests.deploy.tools import DEPLOY, run, tool

UNIT = DEPLOY / "systemd" / "vigild.service"
MOST_EXPOSURE = 1.3
"""Of 10, as `systemd-analyze security` counts; what is left is the network, which the daemon is there to use."""
DRAIN_SECONDS = 25
INSTANCE = DEPLOY / "systemd" / "vigild@.service.d" / "instance.conf"
"""What makes vigild@1.service, vigild@2.service and so on of the unit."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root folder in which the unit's programs and systemd's own units are present."""
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    shutil.copy(UNIT, tmp_path / "etc/systemd/system")
    units = tmp_path / "etc/systemd/system"
    shutil.copy(UNIT, units / "vigild@.service")
    shutil.copytree(INSTANCE.parent, units / INSTANCE.parent.name)
    for program in ("opt/vigild/bin/vigild", "bin/kill"):
        (tmp_path / program).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", tmp_path / program)
    return tmp_path


def service() -> dict[str, str]:
    """Return the last value of each setting of the unit."""
    return dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE))


def test_systemd_accepts_it(request: pytest.FixtureRequest) -> None:
    """No unknown setting, no bad value, no missing program."""
    analyze = tool("systemd-analyze", "systemd")
    assert run(analyze, "verify", f"--root={request.getfixturevalue('root')}", UNIT.name) == ""


def test_systemd_accepts_instances_of_it(request: pytest.FixtureRequest) -> None:
    """The unit as a template, with its drop-in, is as right as the unit alone."""
    analyze = tool("systemd-analyze", "systemd")
    assert run(analyze, "verify", f"--root={request.getfixturevalue('root')}", "vigild@1.service") == ""


def test_instances_have_their_own_port_and_one_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two instances from one configuration listen apart, and the state's owner is the same for all."""
    drop_in = dict(re.findall(r"^(\w+)=(.*)$", INSTANCE.read_text(), re.MULTILINE))
    name, _, value = drop_in["Environment"].partition("=")
    ports = []
    for instance in ("1", "2"):
        monkeypatch.setenv(name, value.replace("%i", instance))
        ports.append(load_settings(None, {}).telemetry.listen)
    assert ports == ["127.0.0.1:9471", "127.0.0.1:9472"]
    assert drop_in["User"] == "vigild"


def test_the_sandbox_is_tight() -> None:
    """The exposure that systemd computes stays below the stated one."""
    report = run(tool("systemd-analyze", "systemd"), "security", "--offline=true", "--no-pager", UNIT)
    exposure = re.search(r"Overall exposure level for vigild.service: ([\d.]+)", report)
    assert exposure is not None
    assert float(exposure[1]) <= MOST_EXPOSURE, report


def test_stopping_leaves_time_to_drain() -> None:
    """SIGTERM to the daemon alone, and SIGKILL only after its own deadline has passed."""
    unit = service()
    assert (unit["KillSignal"], unit["KillMode"]) == ("SIGTERM", "mixed")
    assert int(unit["TimeoutStopSec"].removesuffix("s")) > DRAIN_SECONDS


def test_a_crash_restarts_and_a_fault_in_the_configuration_does_not() -> None:
    """Restart on failure, but not after exit code 2, with which the daemon refuses a configuration."""
    unit = service()
    assert (unit["Restart"], unit["RestartPreventExitStatus"]) == ("on-failure", "2")


def test_memory_is_bounded() -> None:
    """A bound on memory and none on swap to hide behind."""
    unit = service()
    assert int(unit["MemoryHigh"].removesuffix("M")) < int(unit["MemoryMax"].removesuffix("M"))
    assert unit["MemorySwapMax"] == "0"
