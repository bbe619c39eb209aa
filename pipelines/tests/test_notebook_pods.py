"""Notebooks as pods: what of the platform's template is filled in, and what is not."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlparse

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


class Namespace:
    """An API server with the objects of one namespace: made pods are Running at once, watches end at once."""

    def __init__(self) -> None:
        self.objects: dict[str, dict] = {}
        self.asked: list[str] = []
        namespace = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                kind = urlparse(self.path).path.rpartition("/")[2]
                if "watch=" in self.path:
                    time.sleep(0.2)
                    self.answer(200, None)
                    return
                items = [o for key, o in namespace.objects.items() if key.startswith(f"{kind}/")]
                self.answer(200, {"metadata": {"resourceVersion": "1"}, "items": items})

            def do_POST(self) -> None:
                kind = urlparse(self.path).path.rpartition("/")[2]
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                name = body["metadata"]["name"]
                namespace.asked.append(f"create {kind}/{name}")
                body["metadata"] |= {"uid": f"uid-of-{name}", "namespace": "datalab-staging"}
                if kind == "pods":
                    body["metadata"]["resourceVersion"] = "1"
                    state = {"name": "notebook", "ready": True, "state": {"running": {}}}
                    state |= {"image": "x", "imageID": "x", "restartCount": 0}
                    body["status"] = {"phase": "Running", "podIP": "10.1.2.3", "containerStatuses": [state]}
                namespace.objects[f"{kind}/{name}"] = body
                self.answer(201, body)

            def do_PATCH(self) -> None:
                kind, name = urlparse(self.path).path.split("/")[-2:]
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                namespace.asked.append(f"patch {kind}/{name}")
                namespace.objects[f"{kind}/{name}"]["metadata"] |= body["metadata"]
                self.answer(200, namespace.objects[f"{kind}/{name}"])

            def do_DELETE(self) -> None:
                kind, name = urlparse(self.path).path.split("/")[-2:]
                self.rfile.read(int(self.headers.get("content-length", 0)))
                found = namespace.objects.pop(f"{kind}/{name}", None)
                namespace.asked += [f"delete {kind}/{name}"] if found else []
                self.answer(200 if found else 404, {"kind": "Status", "message": "not found"})

            def answer(self, status: int, body: dict | None) -> None:
                data = b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def test_a_notebook_is_started_with_its_token_in_a_secret_and_stopped_without_its_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace = Namespace()
    url = f"http://127.0.0.1:{namespace.server.server_port}"
    kubeconfig = {
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {"token": "x"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    }  # fmt: skip
    (tmp_path / "config").write_text(json.dumps(kubeconfig))
    location = "kubernetes_asyncio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"
    monkeypatch.setattr(location, str(tmp_path / "config"))
    (tmp_path / "spawn-notebook.json").write_text(json.dumps(template()))
    config = Config()
    cluster = {
        "namespace": "datalab-staging", "template": str(tmp_path / "spawn-notebook.json"),
        "storageClass": "fast", "homeBytes": 5 * 2**30,
    }  # fmt: skip
    configure(config, {"cluster": cluster, "memoryBytes": 2**30, "cpu": 1.0})
    config.Spawner.cmd = ["/opt/datalab/notebooks/start"]

    async def start_and_stop() -> tuple[str, str]:
        name = "bo.smith@example.com"
        user = SimpleNamespace(name=name, id=7, url="/user/bo/", escaped_name="bo", settings={})
        hub = SimpleNamespace(
            public_host="", url="http://jupyterhub:8081/hub/", base_url="/hub/",
            api_url="http://jupyterhub:8081/hub/api",
        )  # fmt: skip
        spawner = PodSpawner(_mock=True, config=config, user=user, hub=hub, api_token="canary-token")
        spawner.server = None
        address = await spawner.start()
        pod_name = spawner.pod_name
        spec = json.dumps(namespace.objects[f"pods/{pod_name}"])
        assert "canary-token" not in spec
        secret = namespace.objects[f"secrets/{pod_name}"]
        assert secret["stringData"]["JUPYTERHUB_API_TOKEN"] == "canary-token"
        assert secret["metadata"]["ownerReferences"][0]["uid"] == f"uid-of-{pod_name}"
        await spawner.stop()
        await PodSpawner._stop_all_reflectors()
        return address, pod_name

    address, name = asyncio.run(start_and_stop())
    namespace.server.shutdown()
    home = name.replace("notebook-", "home-")
    assert address == "http://10.1.2.3:8888"
    assert re.fullmatch(r"notebook-bo-smith-example-com---[0-9a-f]{8}", name)
    assert namespace.asked == [
        f"create persistentvolumeclaims/{home}", f"create secrets/{name}", f"create pods/{name}",
        f"patch secrets/{name}", f"delete pods/{name}",
    ]  # fmt: skip
    claim = namespace.objects[f"persistentvolumeclaims/{home}"]
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"]["storage"] == str(5 * 2**30)
    assert claim["metadata"]["labels"]["datalab.role"] == "data"
