"""The Kubernetes manifests: each what its schema allows, and together what an operator relies on."""

import shutil
import subprocess
from typing import Any

import pytest
import yaml

from everreach.config import Config
from handlers import ROUTES
from tests.deploy.conftest import ROOT

validator = pytest.importorskip("kubernetes_validate", reason="it carries the schemas of Kubernetes: make install")

FOLDER = ROOT / "deploy" / "kubernetes"
MANIFESTS = sorted(set(FOLDER.glob("*.yaml")) - {FOLDER / "kustomization.yaml"})
# The oldest with a preStop that needs no shell, and the newest that the validator knows.
VERSIONS = ["1.30", validator.latest_version()]


@pytest.fixture
def manifests() -> dict[str, Any]:
    return {made["kind"]: made for made in (yaml.safe_load(file.read_text("utf-8")) for file in MANIFESTS)}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", [file.stem for file in MANIFESTS])
def test_its_schema_allows_it(kind: str, version: str) -> None:
    validator.validate(yaml.safe_load((FOLDER / f"{kind}.yaml").read_text("utf-8")), version, strict=True)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl puts the manifests together")
def test_they_are_applied_together_all_but_the_secret() -> None:
    built = subprocess.run(["kubectl", "kustomize", FOLDER], capture_output=True, text=True, check=True).stdout
    kinds = {made["kind"] for made in yaml.safe_load_all(built)}
    assert kinds == {"ConfigMap", "Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"}
    assert "image: registry.example.com/everreach-import:0.1.0" in built


def test_the_names_fit_together(manifests: dict[str, Any]) -> None:
    deployment = manifests["Deployment"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert manifests["Service"]["spec"]["selector"] == labels
    assert manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert manifests["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    given = {name for source in container["envFrom"] for name in (source[next(iter(source))]["name"],)}
    assert given == {manifests[kind]["metadata"]["name"] for kind in ("ConfigMap", "Secret")}


def test_a_pod_may_do_nothing_but_serve(manifests: dict[str, Any]) -> None:
    pod = manifests["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False


def test_the_probes_ask_what_there_is(manifests: dict[str, Any]) -> None:
    (container,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    asked = {name: container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert asked == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert set(asked.values()) <= {path for path, _ in ROUTES}


def test_a_pod_has_time_to_end(manifests: dict[str, Any]) -> None:
    pod = manifests["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    # Ten seconds is the promise of every server.
    assert pod["terminationGracePeriodSeconds"] >= container["lifecycle"]["preStop"]["sleep"]["seconds"] + 10


def test_every_value_is_a_setting_and_no_secret_is_a_real_one(manifests: dict[str, Any]) -> None:
    names = {*manifests["ConfigMap"]["data"], *manifests["Secret"]["stringData"]}
    assert names <= set(Config.names())
    assert set(manifests["Secret"]["stringData"].values()) == {""}
