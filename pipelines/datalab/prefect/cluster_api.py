"""The few calls of the cluster's API that the worker's own program needs, with the account of its pod."""

from __future__ import annotations

import json
import os
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
RUN_LABEL = "prefect.io/flow-run-id"


class ClusterError(Exception):
    """The cluster's API did not do what it was asked."""


@dataclass(frozen=True)
class Job:
    """What runs a flow run, or has run it."""

    name: str
    run: str
    ended: bool


class Cluster:
    """The namespace that flow runs are started in."""

    def __init__(self, url: str, namespace: str, account: Path = ACCOUNT) -> None:
        self._url = f"{url.rstrip('/')}/apis/batch/v1/namespaces/{quote(namespace)}/jobs"
        self._account = account

    @classmethod
    def from_env(cls) -> Cluster:
        """The cluster that this pod is in."""
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        return cls(f"https://{f'[{host}]' if ':' in host else host}:{port}", os.environ["DATALAB_NAMESPACE"])

    def jobs(self) -> list[Job]:
        """Every Job of a flow run that is still there, page by page."""
        found: list[Job] = []
        page = ""
        while True:
            listed = self._call("GET", f"?labelSelector={quote(RUN_LABEL)}&limit=500&continue={quote(page)}")
            for each in listed["items"]:
                conditions = each.get("status", {}).get("conditions") or []
                ended = any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)
                meta = each["metadata"]
                found.append(Job(meta["name"], meta["labels"][RUN_LABEL], ended))
            page = listed["metadata"].get("continue") or ""
            if not page:
                return found

    def delete(self, job: Job) -> None:
        """Take a Job away with its pod; one that is gone already is fine."""
        self._call("DELETE", f"/{quote(job.name)}?propagationPolicy=Background")

    def _call(self, method: str, path: str) -> Any:
        # The token is renewed by the cluster: it is read anew each time.
        token = (self._account / "token").read_text().strip()
        authority = self._account / "ca.crt"
        secure = self._url.startswith("https:")
        context = ssl.create_default_context(cafile=str(authority)) if secure else None
        headers = {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(self._url + path, headers=headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=15, context=context) as answer:  # noqa: S310
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            if error.code == 404 and method == "DELETE":
                return None
            detail = error.read(500).decode(errors="replace")
            raise ClusterError(f"{method} jobs{path} answered {error.code}: {detail}") from None
        except OSError as error:
            raise ClusterError(f"{method} jobs{path}: {getattr(error, 'reason', error)}") from None
