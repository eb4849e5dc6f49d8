"""The Kubernetes manifests: valid for the API, restricted, and in step with the daemon and its image."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from tests.deploy.tools import DEPLOY, run, tool

FOLDER = DEPLOY / "kubernetes"
MANIFESTS = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")
DRAIN_SECONDS = 25
USER = 65532


def manifest(name: str) -> dict[str, Any]:
    """Return the one object of a file."""
    (content,) = yaml.safe_load_all((FOLDER / name).read_text())
    return cast("dict[str, Any]", content)


def pod() -> dict[str, Any]:
    """Return the Deployment's pod spec."""
    return cast("dict[str, Any]", manifest("deployment.yaml")["spec"]["template"]["spec"])


def container() -> dict[str, Any]:
    """Return the pod's only container."""
    (only,) = pod()["containers"]
    return cast("dict[str, Any]", only)


def validate(version: str, *files: Path) -> str:
    """Validate files strictly, as the API of this version would; return what the validator says."""
    return run(tool("kubernetes-validate", "kubernetes-validate"), "--strict", "-k", version, *files)


@pytest.mark.parametrize("version", ["1.31", "1.37"])
def test_the_api_accepts_the_manifests(version: str) -> None:
    """Every field is one that the API of this version knows, with a value it allows."""
    said = validate(version, *(FOLDER / name for name in MANIFESTS))
    assert said.count(f"against version {version}") == len(MANIFESTS)


def test_an_unknown_field_would_be_found(tmp_path: Path) -> None:
    """The validation is strict: a misspelt field fails it."""
    wrong = tmp_path / "deployment.yaml"
    wrong.write_text((FOLDER / "deployment.yaml").read_text().replace("livenessProbe:", "livenesProbe:"))
    with pytest.raises(AssertionError, match="livenesProbe"):
        validate("1.37", wrong)


def test_kustomization_lists_every_manifest() -> None:
    """`kubectl apply -k` brings all of them."""
    assert sorted(manifest("kustomization.yaml")["resources"]) == MANIFESTS


def test_the_pod_keeps_to_the_restricted_standard() -> None:
    """What the restricted Pod Security Standard asks for, and a read-only root on top."""
    assert pod()["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not pod()["automountServiceAccountToken"]


def test_stopping_leaves_time_to_drain() -> None:
    """The kubelet kills only after the daemon's own deadline has passed."""
    assert pod()["terminationGracePeriodSeconds"] > DRAIN_SECONDS


def test_probes_ask_what_the_daemon_answers() -> None:
    """Live and ready are different questions, and the start gets a minute."""
    paths = {name: probe["httpGet"]["path"] for name, probe in container().items() if name.endswith("Probe")}
    assert paths == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    startup = container()["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 60


def test_what_is_mounted_is_what_the_configuration_names() -> None:
    """All that is written lies on the state volume, all that is read on the others or in the image."""
    config = yaml.safe_load(manifest("configmap.yaml")["data"]["vigild.yaml"])
    mounts = {mount["mountPath"]: mount for mount in container()["volumeMounts"]}
    written = [config["state"]["path"], config["dead_letters"]["default"]["path"]]
    assert [Path(path).parent.as_posix() for path in written] == ["/var/lib/vigild"] * 2
    assert mounts["/config"]["readOnly"]
    assert "readOnly" not in mounts["/var/lib/vigild"]
    assert config["rules"] == ["/etc/vigild/rules", "/config/rules"]


def test_the_ports_agree() -> None:
    """The daemon listens where probes, Service, NetworkPolicy and annotations look for it."""
    config = yaml.safe_load(manifest("configmap.yaml")["data"]["vigild.yaml"])
    (port,) = container()["ports"]
    (service,) = manifest("service.yaml")["spec"]["ports"]
    (ingress,) = manifest("networkpolicy.yaml")["spec"]["ingress"]
    annotations = manifest("deployment.yaml")["spec"]["template"]["metadata"]["annotations"]
    assert config["telemetry"]["listen"] == f"0.0.0.0:{port['containerPort']}"
    assert service["port"] == port["containerPort"] == ingress["ports"][0]["port"]
    assert service["targetPort"] == port["name"]
    assert annotations["prometheus.io/port"] == str(port["containerPort"])


def test_selectors_find_the_pod() -> None:
    """Deployment, Service, NetworkPolicy and PodDisruptionBudget select the labels that the pod has."""
    labels = manifest("deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        manifest("deployment.yaml")["spec"]["selector"]["matchLabels"],
        manifest("service.yaml")["spec"]["selector"],
        manifest("networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"],
        manifest("poddisruptionbudget.yaml")["spec"]["selector"]["matchLabels"],
    ]
    assert selectors == [labels] * 4
