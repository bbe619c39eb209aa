/**
 * Spark in a cluster: the server of sessions is the driver, and asks the cluster's API for executors, a pod
 * each.
 */
import type { BucketGrant } from "../../model/needs.ts";
import type { ClusterModel } from "../../model/platform.ts";
import type { Ref, Template } from "../../model/refs.ts";
import { executorMebibytes, type Properties, withEventLogs } from "./config.ts";

/** Where the driver's pod is reached by executors, and executors by it and by each other. */
export const ports = { driver: 7079, driverBlocks: 7080, executorBlocks: 7081 } as const;
/** What driver and executors recognise each other by, as a file in each of their pods. */
export const secretFile = "auth";
/** Shuffles spill here: a folder of the node that goes with the pod. */
const scratch = { path: "/data", size: "10Gi" } as const;
/** With the log of the pod. */
export const disk = "11Gi";
const mebibyte = 2 ** 20;
const template = "/run/datalab/spawn-executor.json";
/** Label of executors that names the pod of their driver. */
const driverLabel = "datalab.driver";

export interface ExecutorSize {
  readonly memoryBytes: number;
  readonly milliCpu: number;
}

export const limits = ({ memoryBytes, milliCpu }: ExecutorSize) => ({
  cpu: `${milliCpu}m`,
  memory: `${Math.floor(memoryBytes / mebibyte)}Mi`,
});

/**
 * In place of the shared settings of a cluster of Spark's own: no secret in it, and no master's page in
 * front.
 */
export const common: Properties = {
  "spark.authenticate": "true",
  "spark.authenticate.secret.file": `/run/datalab/${secretFile}`,
  "spark.metrics.conf.*.sink.prometheusServlet.class": "org.apache.spark.metrics.sink.PrometheusServlet",
  "spark.metrics.conf.*.sink.prometheusServlet.path": "/metrics/prometheus",
  "spark.metrics.conf.*.source.jvm.class": "org.apache.spark.metrics.source.JvmSource",
};

/**
 * Executors are made of the template that the target writes. Spark writes image, memory and cores over it, so
 * they are said here again; everything that would leave objects behind (config maps, claims, services) is
 * off.
 */
export const executors = (cluster: ClusterModel, image: Ref, { memoryBytes }: ExecutorSize): Properties => ({
  "spark.master": "k8s://https://kubernetes.default.svc",
  "spark.kubernetes.namespace": cluster.namespace,
  "spark.kubernetes.container.image": image,
  "spark.kubernetes.executor.podTemplateFile": template,
  "spark.kubernetes.executor.podTemplateContainerName": "main",
  "spark.executor.memoryOverhead": `${Math.floor(memoryBytes / mebibyte) - executorMebibytes(memoryBytes)}m`,
  "spark.kubernetes.executor.disableConfigMap": "true",
  // A bad hour of the cluster must not end the server of all sessions.
  "spark.executor.maxNumFailures": "100",
  "spark.executor.failuresValidityInterval": "10m",
  "spark.kubernetes.executor.volumes.emptyDir.spark-local-dir-1.mount.path": scratch.path,
  "spark.kubernetes.executor.volumes.emptyDir.spark-local-dir-1.options.sizeLimit": scratch.size,
  "spark.kubernetes.driver.ownPersistentVolumeClaim": "false",
  "spark.kubernetes.driver.reusePersistentVolumeClaim": "false",
  "spark.kubernetes.driver.service.deleteOnTermination": "false",
  "spark.kubernetes.allocation.batch.delay": "500ms",
  "spark.driver.bindAddress": "0.0.0.0",
  "spark.driver.port": String(ports.driver),
  "spark.driver.blockManager.port": String(ports.driverBlocks),
  "spark.blockManager.port": String(ports.executorBlocks),
});

/** What is known only inside the pod: executors belong to it, which is how they go when it goes. */
const ofThisPod = [
  '"spark.driver.host=$DATALAB_POD_IP"',
  '"spark.kubernetes.driver.pod.name=$DATALAB_POD"',
  `"spark.kubernetes.executor.label.${driverLabel}=$DATALAB_POD"`,
  '"spark.kubernetes.executor.request.cores=$cores"',
].flatMap((setting) => ["--conf", setting]);

/**
 * A driver that was killed inside its pod leaves executors, which end but stay as objects: they are taken
 * away before the next one starts.
 */
const withoutLeftovers = (namespace: string): string => `account=/var/run/secrets/kubernetes.io/serviceaccount
printf 'header = "Authorization: Bearer %s"\\n' "$(cat $account/token)" |
  curl --config - --cacert $account/ca.crt --fail --silent --show-error --output /dev/null --request DELETE \\
    "https://kubernetes.default.svc/api/v1/namespaces/${namespace}/pods?labelSelector=${driverLabel}%3D$DATALAB_POD" ||
  echo "executors of an earlier start could not be looked for" >&2
`;

/** Spark writes what an executor asks for over the template: it is what the template asks for. */
const coresOfTemplate = `cores=$(python -c 'import json, sys
print(json.load(open(sys.argv[1]))["spec"]["containers"][0]["resources"]["requests"]["cpu"])' ${template})
`;

/** The start script of the driver: the command, with what its pod is called among its settings. */
export const start = (
  lake: BucketGrant,
  cluster: ClusterModel,
  [command = "", ...rest]: readonly string[],
): Template => {
  const at = rest.indexOf("--class");
  const words = [command, ...rest.slice(0, at), ...ofThisPod, ...rest.slice(at)];
  return withEventLogs(lake, words, `${withoutLeftovers(cluster.namespace)}${coresOfTemplate}`);
};
