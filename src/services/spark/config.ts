/**
 * Spark's own configuration: properties files, which hold the secrets too, and the commands that read them.
 */
import { isAmbient } from "../../model/lake-env.ts";
import type { BucketGrant } from "../../model/needs.ts";
import { type Ref, type Template, type Text, t, template } from "../../model/refs.ts";

const mebibyte = 2 ** 20;

/** Where applications leave their event logs, in the object store. */
export const eventLogs = { bucket: "artifacts", prefix: "spark-events/" } as const;

export type Properties = Readonly<Record<string, Text>>;

/** A properties file: a line a property. */
export function properties(...all: readonly Properties[]): Template {
  const lines = Object.entries(Object.assign({}, ...all) as Properties);
  return template(...lines.flatMap(([key, value]) => [`${key} `, value, "\n"]));
}

/** What all processes share: who may talk to them, and how their pages are reached through the master's. */
export const common = (secret: Ref, masterUrl: Ref): Properties => ({
  "spark.authenticate": "true",
  "spark.authenticate.secret": secret,
  "spark.ui.reverseProxy": "true",
  "spark.ui.reverseProxyUrl": masterUrl,
  "spark.metrics.conf.*.sink.prometheusServlet.class": "org.apache.spark.metrics.sink.PrometheusServlet",
  "spark.metrics.conf.*.sink.prometheusServlet.path": "/metrics/prometheus",
  "spark.metrics.conf.*.source.jvm.class": "org.apache.spark.metrics.source.JvmSource",
});

/** The object store as `s3a://`. */
export const s3 = (lake: BucketGrant): Properties => ({
  "spark.hadoop.fs.s3a.endpoint": lake.url,
  "spark.hadoop.fs.s3a.endpoint.region": lake.region,
  ...(!isAmbient(lake) && {
    "spark.hadoop.fs.s3a.access.key": lake.accessKey,
    "spark.hadoop.fs.s3a.secret.key": lake.secretKey,
  }),
  "spark.hadoop.fs.s3a.path.style.access": "true",
  "spark.hadoop.fs.s3a.aws.credentials.provider": isAmbient(lake)
    ? "org.apache.hadoop.fs.s3a.auth.IAMInstanceCredentialsProvider"
    : "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
  "spark.hadoop.fs.s3a.connection.maximum": "32",
  "spark.hadoop.fs.s3a.threads.max": "8",
  "spark.hadoop.fs.s3a.fast.upload.buffer": "bytebuffer",
  "spark.hadoop.fs.s3a.multipart.size": "8M",
  "spark.hadoop.fs.s3a.attempts.maximum": "5",
  // Event logs call hflush, which an object store has no answer to.
  "spark.hadoop.fs.s3a.downgrade.syncable.exceptions": "true",
});

/** Delta, and defaults for tables that fit one machine: Spark's own are meant for clusters. */
export const sql: Properties = {
  "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
  "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
  "spark.sql.shuffle.partitions": "4",
  "spark.sql.adaptive.enabled": "true",
  "spark.sql.session.timeZone": "UTC",
  "spark.sql.warehouse.dir": "/tmp/warehouse",
  "spark.databricks.delta.snapshotPartitions": "1",
  "spark.sql.ui.retainedExecutions": "50",
  "spark.ui.retainedJobs": "50",
  "spark.ui.retainedStages": "50",
  "spark.ui.retainedTasks": "1000",
  "spark.ui.liveUpdate.period": "1s",
};

/**
 * Memory of a worker's container: what its own process and Python workers take, and what one executor's heap
 * gets.
 */
export function executorMebibytes(containerBytes: number): number {
  const own = 384;
  return Math.max(480, Math.floor(((containerBytes / mebibyte - own) * 0.75) / 16) * 16);
}

/** `java` with what every Spark process is started with: a serial collector, one compiler, small stacks. */
export function java(heapMebibytes: number, metaspaceMebibytes: number): string[] {
  return ["java", "@/opt/spark/java.args", ...jvm(metaspaceMebibytes), `-Xmx${heapMebibytes}m`];
}

function jvm(metaspaceMebibytes: number): string[] {
  return [
    ...["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k", "-Xms16m"],
    // Memory that is free again goes back to the host at the next collection.
    ...["-XX:MinHeapFreeRatio=10", "-XX:MaxHeapFreeRatio=20"],
    `-XX:MaxMetaspaceSize=${metaspaceMebibytes}m`,
    ...["-XX:ReservedCodeCacheSize=64m", "-XX:+ExitOnOutOfMemoryError"],
    // Its native library would be unpacked to /tmp, where nothing can be executed.
    "-Dio.netty.transport.noNative=true",
  ];
}

/**
 * The same for executors, which the worker starts: their native libraries and log format are named here too.
 */
export const executorOptions = [
  ...["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k", "-XX:MinHeapFreeRatio=10"],
  ...["-XX:MaxHeapFreeRatio=20", "-XX:ReservedCodeCacheSize=64m", "-Djava.library.path=/opt/spark/native"],
  ...["-DZstdNativePath=/opt/spark/native/libzstd-jni.so", "-Dorg.xerial.snappy.lib.path=/opt/spark/native"],
  ...["-Dorg.xerial.snappy.lib.name=libsnappyjava.so", "-Dio.netty.transport.noNative=true"],
  "-Dlog4j2.configurationFile=file:/opt/spark/log4j2.properties",
].join(" ");

/** Not every store takes a request without it. */
const sha256OfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const makeFolder = (lake: BucketGrant): Template =>
  isAmbient(lake)
    ? t`python -c 'import boto3; boto3.client("s3", region_name="${lake.region}").put_object(Bucket="${logBucket(lake)}", Key="${eventLogs.prefix}", ContentType="application/x-directory")'
`
    : t`printf 'user = "%s:%s"\\n' '${lake.accessKey}' '${lake.secretKey}' |
  curl --config - --fail --silent --show-error --retry 5 --retry-connrefused --aws-sigv4 'aws:amz:${lake.region}:s3' \\
    --request PUT --data-binary '' --header 'content-type: application/x-directory' --header 'x-amz-content-sha256: ${sha256OfNothing}' \\
    '${lake.url}/${logBucket(lake)}/${eventLogs.prefix}'
`;

/**
 * Makes the folder of the event logs and becomes the process: both who writes and who reads them refuse to
 * start without. The key goes to curl on standard input.
 */
export const withEventLogs = (
  lake: BucketGrant,
  command: readonly string[],
  before: Text = "",
): Template => t`set -eu
${makeFolder(lake)}${before}exec ${command.join(" ")}
`;

/**
 * Ends this process when the master, killed and started again, no longer knows its application: it would wait
 * for executors for ever. The container's restart registers a new one. `$$` is the process that the script
 * becomes.
 */
export const endWithMaster = (masterUrl: Text, application: string, everySeconds = 5): Template => t`(
  missing=0 known=
  while sleep ${everySeconds}; do
    state=$(curl --fail --silent --max-time 3 '${masterUrl}/json/') || continue
    active=$\{state#*activeapps}
    if [[ $\{active%%completedapps*} =~ '"name"'[[:space:]]*:[[:space:]]*'"${application}"' ]]; then
      known=yes missing=0
    elif [ -n "$known" ]; then
      missing=$((missing + 1))
    fi
    if [ $missing -ge 3 ]; then
      echo "the master no longer knows the application ${application}: starting again" >&2
      kill $$
      exit
    fi
  done
) &
`;

const logBucket = (lake: BucketGrant): string => `${lake.prefix ?? ""}${eventLogs.bucket}`;
export const eventLogUrl = (lake: BucketGrant): string => `s3a://${logBucket(lake)}/${eventLogs.prefix}`;
