"""A pod template as the Kubernetes target writes it, and an API server of Jobs."""

from __future__ import annotations

import copy
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

from datalab.prefect.cluster_api import RUN_LABEL, Cluster

DIGEST = "registry.example:5000/datalab/python@sha256:" + "0" * 64
POD: dict[str, Any] = {
    "metadata": {
        "labels": {
            "datalab.stack": "staging",
            "datalab.service": "prefect",
            "datalab.workload": "prefect-worker-run",
            "datalab.role": "spawned",
            "app.kubernetes.io/name": "prefect-worker-run",
            "app.kubernetes.io/managed-by": "prefect",
        },
        "annotations": {"datalab.files": "0123456789abcdef"},
    },
    "spec": {
        "serviceAccountName": "prefect-worker-run",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": "datalab-staging-batch",
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "main",
                "image": DIGEST,
                "imagePullPolicy": "IfNotPresent",
                "env": [{"name": "DATALAB_STACK", "value": "staging"}, {"name": "HOME", "value": "/tmp"}],
                "resources": {
                    "requests": {"cpu": "250m", "memory": "2Gi", "ephemeral-storage": "64Mi"},
                    "limits": {"cpu": "2", "memory": "2Gi", "ephemeral-storage": "1Gi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                    "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [
                    {"name": "tmp", "mountPath": "/tmp"},
                    {"name": "files", "mountPath": "/run/datalab", "readOnly": True},
                ],
            }
        ],
        "volumes": [
            {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
            {"name": "files", "projected": {"defaultMode": 288, "sources": [{"secret": {"name": "x"}}]}},
        ],
        "restartPolicy": "Never",
    },
}  # fmt: skip


def pod() -> dict[str, Any]:
    """A copy to change."""
    return copy.deepcopy(POD)


class JobsServer:
    """What the API server answers about Jobs of one namespace, in pages of two."""

    def __init__(self, account: Path) -> None:
        (account / "token").write_text("the-token\n")
        self.jobs: dict[str, dict[str, Any]] = {}
        jobs = self.jobs

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlparse(self.path).query)
                assert query["labelSelector"] == [RUN_LABEL]
                first = int(query.get("continue", ["0"])[0])
                items = list(jobs.values())
                more = {"continue": str(first + 2)} if first + 2 < len(items) else {}
                self.answer(200, {"items": items[first : first + 2], "metadata": more})

            def do_DELETE(self) -> None:
                name = urlparse(self.path).path.rpartition("/")[2]
                found = jobs.pop(name, None)
                self.answer(200 if found else 404, {"kind": "Status"})

            def answer(self, status: int, body: object) -> None:
                if self.headers["authorization"] != "Bearer the-token":
                    status, body = 401, {"message": "who are you?"}
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.cluster = Cluster(f"http://127.0.0.1:{self.server.server_port}", "datalab-staging", account)

    def add(self, name: str, run: str, ended: str | None = None) -> None:
        """A Job of a flow run; `ended` is Complete or Failed."""
        conditions = [{"type": ended, "status": "True"}] if ended else []
        self.jobs[name] = {
            "metadata": {"name": name, "labels": {RUN_LABEL: run}},
            "status": {"conditions": conditions},
        }

    def close(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()
