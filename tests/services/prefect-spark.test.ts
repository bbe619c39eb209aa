import { describe, expect, test } from "vitest";
import type { WorkloadModel } from "../../src/model/platform.ts";
import { isSecret, render } from "../../src/model/refs.ts";
import { services } from "../../src/services/index.ts";
import { modelOf } from "../support/project.ts";

const prefect = (yaml = ""): WorkloadModel[] => [
  ...(modelOf(`target: docker\n${yaml}`, "dev", services).services.find((s) => s.name === "prefect")
    ?.workloads ?? []),
];

describe("flow runs", () => {
  test("find Spark Connect in their worker's environment, with its token, and nobody waits for it", () => {
    const worker = prefect().find(({ name }) => name === "prefect-worker");
    const remote = worker?.env.SPARK_REMOTE;
    if (remote === undefined) throw new Error("the worker has no SPARK_REMOTE");
    expect(isSecret(remote)).toBe(true);
    const text = render(remote, (ref) =>
      ref.ref === "secret" ? `<${ref.id}>` : ref.ref === "address" && ref.part === "port" ? "15002" : "host",
    );
    expect(text).toBe("sc://host:15002/;authorization=Bearer%20<spark/token>");
    expect(worker?.waitFor.map(({ workload }) => workload)).not.toContain("spark-connect");
  });

  test("alone find it: the server and the registration do not", () => {
    const others = prefect().filter(({ name }) => name !== "prefect-worker");
    expect(others.map(({ env }) => env.SPARK_REMOTE)).toEqual(others.map(() => undefined));
  });

  test("find nothing where there is no Spark", () => {
    const workloads = prefect("services:\n  spark: { enabled: false }");
    expect(workloads.map(({ env }) => env.SPARK_REMOTE)).toEqual(workloads.map(() => undefined));
  });
});
