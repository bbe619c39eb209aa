import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const script = resolve(import.meta.dirname, "../../src/images/spark/executor");

test("an executor is what Spark's variables say, with the options of its JVM in their order", () => {
  const folder = mkdtempSync(join(tmpdir(), "datalab-executor-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "java"), "#!/bin/bash\nprintf '%s\\n' \"$@\"\n");
  chmodSync(join(folder, "java"), 0o755);
  const options = Object.fromEntries(
    Array.from({ length: 11 }, (_, i) => [`SPARK_JAVA_OPT_${i}`, i === 10 ? "-Dlast=two words" : `-D${i}=x`]),
  );
  const said = execFileSync("bash", [script], {
    encoding: "utf8",
    env: {
      PATH: `${folder}:${process.env.PATH}`,
      ...options,
      SPARK_EXECUTOR_MEMORY: "1248m",
      SPARK_DRIVER_URL: "spark://CoarseGrainedScheduler@10.1.2.3:7079",
      SPARK_EXECUTOR_ID: "4",
      SPARK_EXECUTOR_CORES: "2",
      SPARK_APPLICATION_ID: "spark-abc",
      SPARK_EXECUTOR_POD_IP: "10.1.2.4",
      SPARK_RESOURCE_PROFILE_ID: "0",
      SPARK_EXECUTOR_POD_NAME: "connect-abc-exec-4",
    },
  });
  expect(said.trimEnd().split("\n")).toEqual([
    "@/opt/spark/java.args",
    ...Object.values(options),
    ...["-Xms16m", "-Xmx1248m", "-Dspark.master=k8s://https://kubernetes.default.svc"],
    "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend",
    ...["--driver-url", "spark://CoarseGrainedScheduler@10.1.2.3:7079"],
    ...["--executor-id", "4", "--cores", "2", "--app-id", "spark-abc", "--hostname", "10.1.2.4"],
    ...["--resourceProfileId", "0", "--podName", "connect-abc-exec-4"],
  ]);
});

test("an executor that is told nothing does not start", () => {
  expect(() => execFileSync("bash", [script], { env: { PATH: process.env.PATH }, stdio: "pipe" })).toThrow(
    "SPARK_EXECUTOR_MEMORY: unbound variable",
  );
});
