"""Notebooks as pods: what of the platform's template is filled in, and what is not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from cluster_fixtures import pod

pytest.importorskip("kubespawner")
here = Path(__file__).parent.parent
sys.path.insert(0, str(next(p for p in (here / "hub", here.parent / "src/notebooks/hub") if p.is_dir())))

from configure_pods import configure  # noqa: E402
from kubernetes_asyncio.client import ApiClient  # noqa: E402
from pods import PodSpawner, build_pod, claim_labels  # noqa: E402
from traitlets.config import Config  # noqa: E402


def template() -> dict:
    made = pod()
    made["metadata"]["labels"]["datalab.workload"] = "jupyterhub-notebook"
    made["spec"]["volumes"].append({"name": "home", "persistentVolumeClaim": {"claimName": "home"}})
    made["spec"]["containers"][0]["volumeMounts"].append({"name": "home", "mountPath": "/home/notebook"})
    return made


def built() -> dict:
    made = build_pod(
        template(), name="notebook-ana", claim="home-ana", secret="notebook-ana",
        args=["/opt/datalab/notebooks/start", "--ServerApp.ip=0.0.0.0"],
        labels={"component": "singleuser-server", "app.kubernetes.io/managed-by": "kubespawner"},
        annotations={"hub.jupyter.org/username": "ana"},
    )  # fmt: skip
    return ApiClient.sanitize_for_serialization(object.__new__(ApiClient), made)


def test_a_notebook_is_the_platforms_pod_with_what_is_one_users_own() -> None:
    wanted = template()
    (container,) = wanted["spec"]["containers"]
    container |= {
        "name": "notebook",
        "args": ["/opt/datalab/notebooks/start", "--ServerApp.ip=0.0.0.0"],
        "ports": [{"name": "notebook-port", "containerPort": 8888, "protocol": "TCP"}],
        "envFrom": [{"secretRef": {"name": "notebook-ana"}}],
    }
    wanted["spec"]["volumes"][2] = {"name": "home", "persistentVolumeClaim": {"claimName": "home-ana"}}
    assert built()["spec"] == wanted["spec"]


def test_the_platforms_labels_win() -> None:
    metadata = built()["metadata"]
    assert metadata["name"] == "notebook-ana"
    assert metadata["labels"] == {**template()["metadata"]["labels"], "component": "singleuser-server"}
    assert metadata["annotations"] == {
        "hub.jupyter.org/username": "ana",
        "datalab.files": "0123456789abcdef",
    }


def test_the_template_stays_as_it_is() -> None:
    given = template()
    build_pod(given, name="a", claim="b", secret="c", args=[], labels={}, annotations={})
    assert given == template()


def test_a_home_is_labelled_as_data() -> None:
    assert claim_labels(template()) == {**template()["metadata"]["labels"], "datalab.role": "data"}


def test_the_configuration_is_the_templates(tmp_path: Path) -> None:
    (tmp_path / "spawn-notebook.json").write_text(json.dumps(template()))
    c = Config()
    cluster = {
        "namespace": "datalab-staging", "template": str(tmp_path / "spawn-notebook.json"),
        "storageClass": None, "homeBytes": 5 * 2**30,
    }  # fmt: skip
    configure(c, {"cluster": cluster, "memoryBytes": 2**30, "cpu": 1.0})
    assert c.JupyterHub.spawner_class is PodSpawner
    assert PodSpawner.template == template()
    assert c.PodSpawner.image == template()["spec"]["containers"][0]["image"]
    assert (c.PodSpawner.namespace, c.PodSpawner.storage_capacity) == ("datalab-staging", str(5 * 2**30))
    assert c.PodSpawner.delete_pvc is False and c.PodSpawner.storage_class is None
