import { type ErrorEntries, exit } from "./entry.ts";

/** Docker, images, registries and clusters. */
export const dockerCodes = {
  E_DOCKER_MISSING: {
    meaning: "The Docker client was not found.",
    fix: "Run `./setup.sh`, which installs Docker or says how to.",
  },
  E_DOCKER_CLIENT: {
    meaning: "No Docker client on this machine can build images.",
    fix: "Run `./setup.sh`, install Docker Engine with its buildx plugin, or set `DATALAB_DOCKER` to such a client.",
  },
  E_DOCKER_DOWN: {
    meaning: "Docker does not answer, because its daemon is not running.",
    fix: "Run `./setup.sh`, which starts it or says how to.",
  },
  E_DOCKER_PERMISSION: {
    meaning: "This user may not use Docker.",
    fix: "Run `sudo usermod -aG docker $USER` and log in again.",
  },
  E_DOCKER: {
    meaning: "A Docker command failed. The error ends with its last lines.",
    fix: "Correct what these lines say and run the command again.",
  },
  E_WORKLOAD_DOWN: {
    meaning: "A container or pod that the command needs does not exist or does not run.",
    fix: "`./datalab platform status` shows its state, `./datalab up` makes and starts it.",
  },
  E_JOB_FAILED: {
    meaning: "A container or Job that runs once, such as the registration of pipelines, ended with an error.",
    fix: "Read its last lines in the error or in `./datalab services logs`, correct the cause and run `./datalab up`.",
  },
  E_IMAGE_UNKNOWN: {
    exit: exit.usage,
    meaning: "There is no image of this name.",
    fix: "Use one of the names that the error lists.",
  },
  E_IMAGE_BUILD: {
    meaning: "An image could not be built. The error ends with the last lines of the build.",
    fix: "Correct what these lines say, then run `./datalab images build`.",
  },
  E_IMAGE_MISSING: {
    meaning: "An image that the stack needs is not on this machine, or has no digest in the configuration.",
    fix: "Run `./datalab images build`, or `./datalab images push --to REGISTRY` for `images.source: registry`.",
  },
  E_REGISTRY: {
    meaning: "The registry refused an image, or the digest of an image is not known.",
    fix: "Correct what the error says, then run `./datalab images push --to REGISTRY` again.",
  },
  E_REGISTRY_UNREACHABLE: {
    meaning: "The registry does not answer.",
    fix: "Check the host and the port of `--to` and `images.registry`, and whether the registry runs.",
  },
  E_REGISTRY_LOGIN: {
    meaning: "The registry refuses this user.",
    fix: "Run `docker login HOST`.",
  },
} as const satisfies ErrorEntries;

export const clusterCodes = {
  E_CONTEXT: {
    exit: exit.usage,
    meaning: "The kubeconfig has no such context, or its context names a cluster that is not in the file.",
    fix: "Set `kubernetes.context` in `Pulumi.<stack>.yaml` to one of the contexts that the error lists.",
  },
  E_KUBECONFIG: {
    exit: exit.usage,
    meaning: "The kubeconfig does not exist or can't be read.",
    fix: "Set `kubernetes.kubeconfig` in `Pulumi.<stack>.yaml`, or the variable `KUBECONFIG`.",
  },
  E_NAMESPACE: {
    meaning: "The namespace belongs to another stack.",
    fix: "Set `kubernetes.namespace` in `Pulumi.<stack>.yaml` to another name.",
  },
  E_CLUSTER_UNREACHABLE: {
    meaning: "The cluster does not answer.",
    fix: "Start it, or correct its address in the kubeconfig.",
  },
  E_CLUSTER_LOGIN: {
    meaning: "The cluster refuses the login of the context.",
    fix: "Log in again with the tool of your cluster, such as `aws eks update-kubeconfig`.",
  },
  E_CLUSTER_FORBIDDEN: {
    meaning: "The user of the context may not do this in the cluster. The error names the missing right.",
    fix: "Ask the cluster's administrator for this right in the stack's namespace.",
  },
  E_CLUSTER_TIMEOUT: {
    meaning: "Something in the cluster did not start, stop or disappear in time.",
    fix: "Run `kubectl describe` for the object that the error names. Check its node and kube-controller-manager.",
  },
  E_CLUSTER: {
    meaning: "The cluster refused a request.",
    fix: "Correct what the cluster's message says and run the command again.",
  },
  E_EXEC: {
    meaning: "A command in a pod could not be started, or its connection was lost.",
    fix: "`./datalab platform status` shows whether the pod runs. Then run the command again.",
  },
} as const satisfies ErrorEntries;
