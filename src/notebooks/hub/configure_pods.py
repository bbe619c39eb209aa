"""Notebooks as pods of the cluster, with a claim each for the home."""

from pathlib import Path
from typing import Any

from pods import PodSpawner, claim_labels, own_secret


def configure(c: Any, settings: dict[str, Any]) -> None:
    """Tell JupyterHub how a notebook is started. What a pod is made of stands in the template."""
    cluster = settings["cluster"]
    template = PodSpawner.read_template(Path(cluster["template"]))

    c.JupyterHub.spawner_class = PodSpawner
    c.PodSpawner.namespace = cluster["namespace"]
    c.PodSpawner.image = template["spec"]["containers"][0]["image"]
    # A name that is not safe as it is gets a hash of the whole: no two users meet.
    c.PodSpawner.slug_scheme = "safe"
    c.PodSpawner.pod_name_template = "notebook-{username}"
    c.PodSpawner.pvc_name_template = "home-{username}"
    c.PodSpawner.storage_pvc_ensure = True
    c.PodSpawner.storage_capacity = str(cluster["homeBytes"])
    c.PodSpawner.storage_class = cluster["storageClass"]
    c.PodSpawner.storage_access_modes = ["ReadWriteOnce"]
    c.PodSpawner.storage_extra_labels = claim_labels(template)
    # Who takes a person off the list keeps the files.
    c.PodSpawner.delete_pvc = False
    c.PodSpawner.delete_stopped_pods = True
    c.PodSpawner.delete_grace_period = 5
    c.PodSpawner.enable_user_namespaces = False
    c.PodSpawner.after_pod_created_hook = own_secret
    # What JupyterLab shows of memory; the limit itself is the template's.
    c.PodSpawner.mem_limit = settings["memoryBytes"]
    c.PodSpawner.cpu_limit = settings["cpu"]
