"""Spawns a pod and a claim per user through the cluster's API.

The pod is the template that the platform writes for the hub: image, confinement, limits, labels, variables,
and files are said there. What is a user's own is filled in: names, the claim of the home, the command, and
JupyterHub's variables, which hold a token and therefore go to a Secret that belongs to the pod.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from kubernetes_asyncio import client
from kubernetes_asyncio.client.exceptions import ApiException
from kubespawner import KubeSpawner
from spawned import SpawnFailed

# KubeSpawner knows container and port by these names.
CONTAINER = "notebook"
PORT = {"name": "notebook-port", "containerPort": 8888, "protocol": "TCP"}
# Labels that the platform counts on: KubeSpawner's own of the same name give way.
HOME = "home"
ROLE = "datalab.role"


def build_pod(
    template: dict[str, Any],
    *,
    name: str,
    claim: str,
    secret: str,
    args: list[str],
    labels: dict[str, str],
    annotations: dict[str, str],
) -> client.V1Pod:
    """The template with what is one user's own."""
    spec = copy.deepcopy(template["spec"])
    (container,) = spec["containers"]
    container.update(name=CONTAINER, args=args, ports=[PORT])
    container["envFrom"] = [{"secretRef": {"name": secret}}]
    for volume in spec["volumes"]:
        if volume["name"] == HOME:
            volume["persistentVolumeClaim"] = {"claimName": claim}
    own = template["metadata"]
    return client.V1Pod(
        api_version="v1",
        kind="Pod",
        metadata=client.V1ObjectMeta(
            name=name,
            labels={**labels, **own["labels"]},
            annotations={**annotations, **(own.get("annotations") or {})},
        ),
        spec=spec,
    )


def claim_labels(template: dict[str, Any]) -> dict[str, str]:
    """A home is its user's data, whoever made it."""
    return {**template["metadata"]["labels"], ROLE: "data"}


class PodSpawner(KubeSpawner):
    """KubeSpawner with the platform's pod."""

    template: dict[str, Any] = {}  # noqa: RUF012 - read once, never changed

    @classmethod
    def read_template(cls, file: Path) -> dict[str, Any]:
        """What every notebook is made of."""
        cls.template = json.loads(file.read_text())
        return cls.template

    async def start(self) -> str:
        """Start the pod, or fail with words that a user understands."""
        try:
            return await super().start()
        except ApiException as error:
            self.log.error("The cluster refused: %s %s", error.status, error.body)
            if error.status == 403 and "exceeded quota" in str(error.body):
                raise SpawnFailed("The cluster has no room for another notebook: try again later.") from error
            raise SpawnFailed("The cluster did not start the notebook: see the hub's log.") from error

    async def get_pod_manifest(self) -> client.V1Pod:
        """The pod of this user, whose variables are there before it is."""
        variables = {name: value for name, value in self.get_env().items() if value is not None}
        await self._put_secret(variables)
        labels = self._build_pod_labels({})
        return build_pod(
            self.template,
            name=self.pod_name,
            claim=self.pvc_name,
            secret=self.pod_name,
            args=[*self.cmd, *self.get_args()],
            labels=labels,
            annotations=self._build_common_annotations({}),
        )

    async def _put_secret(self, variables: dict[str, str]) -> None:
        """In the place of what an earlier pod has left."""
        secret = client.V1Secret(
            metadata=client.V1ObjectMeta(
                name=self.pod_name, labels={**self.template["metadata"]["labels"], "datalab.role": "files"}
            ),
            string_data=variables,
        )
        try:
            await self.api.delete_namespaced_secret(self.pod_name, self.namespace)
        except ApiException as error:
            if error.status != 404:
                raise
        await self.api.create_namespaced_secret(self.namespace, secret)


async def own_secret(spawner: PodSpawner, pod: dict[str, Any]) -> None:
    """The Secret belongs to the pod from now on: it goes with it."""
    name = pod["metadata"]["name"]
    owner = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": pod["metadata"]["uid"]}
    body = {"metadata": {"ownerReferences": [owner]}}
    await spawner.api.patch_namespaced_secret(name, spawner.namespace, body)


async def may_spawn(namespace: str) -> str | None:
    """What the hub's account may not do of what a notebook needs; None: all of it."""
    from kubespawner.clients import load_config, shared_client

    load_config()
    api = shared_client("AuthorizationV1Api")
    for resource in ("pods", "persistentvolumeclaims", "secrets"):
        wanted = client.V1ResourceAttributes(namespace=namespace, verb="create", resource=resource)
        review = client.V1SelfSubjectAccessReview(
            spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=wanted)
        )
        answer = await api.create_self_subject_access_review(review)
        if not answer.status.allowed:
            return f"the hub may not create {resource} in {namespace}: {answer.status.reason or 'refused'}"
    return None
