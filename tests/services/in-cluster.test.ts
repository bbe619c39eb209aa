import { describe, expect, test } from "vitest";
import { edgesOf } from "../../src/model/edges.ts";
import type { PlatformModel, WorkloadModel } from "../../src/model/platform.ts";
import { isSecret, type Ref, render, type Text } from "../../src/model/refs.ts";
import { services } from "../../src/services/index.ts";
import { modelOf } from "../support/project.ts";

const where = `
target: kubernetes
images: { source: registry }
kubernetes: { context: lab, ingress: { host: lab.example.com } }
`;
const inCluster = (yaml = "") => modelOf(`${where}${yaml}`, "staging", services);
const onHost = (yaml = "") => modelOf(`target: docker\n${yaml}`, "staging", services);
const workloads = (model: PlatformModel) => model.services.flatMap((s) => s.workloads);
const find = (model: PlatformModel, name: string) =>
  workloads(model).find((w) => w.name === name) as WorkloadModel;
const answer = (ref: Ref) => {
  if (ref.ref === "secret") return `<${ref.id}>`;
  if (ref.ref === "address") return `${ref.workload}.${ref.endpoint}.${ref.part}`;
  return ref.ref === "image" ? `image of ${ref.name}` : ref.ref;
};
const text = (value: Text | undefined) => render(value ?? "", answer);
const textsIn = (values: Readonly<Record<string, Text>>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, text(value)]));
const edges = (model: PlatformModel, side: "from" | "to", name: string) =>
  edgesOf(model)
    .filter((edge) => edge[side] === name)
    .map(({ from, to, port }) => (side === "from" ? `${to}:${port}` : `${from}:${port}`))
    .sort();

test("nothing is spawned, and no part is a cluster's, on one host", () => {
  const model = onHost();
  expect(workloads(model).flatMap(({ spawns }) => spawns)).toEqual([]);
  expect(
    workloads(model)
      .map(({ name }) => name)
      .filter((name) => name.startsWith("spark")),
  ).toEqual(["spark", "spark-worker", "spark-connect", "spark-history"]);
  expect(find(model, "spark-connect").endpoints.map(({ name }) => name)).toEqual(["connect", "ui"]);
  expect(text(find(model, "spark-connect").files["spark.conf"])).not.toContain("kubernetes");
});

describe("Prefect in a cluster", () => {
  const worker = find(inCluster(), "prefect-worker");

  test("has workers that are called after their pods, and may be several", () => {
    expect(worker.command.map(text).join(" ")).toBe(
      "python -m datalab.prefect.worker start --pool default --type kubernetes --with-healthcheck",
    );
    expect(worker.scalable).toBe(true);
    expect(textsIn(worker.env)).toMatchObject({
      DATALAB_NAMESPACE: "datalab-staging",
      DATALAB_RUN_TEMPLATE: "/run/datalab/spawn-run.json",
      DATALAB_MAX_RUNS: "8",
      PREFECT_INTEGRATIONS_KUBERNETES_OBSERVER_NAMESPACES: "datalab-staging",
    });
  });

  test("runs flows as Jobs of the size that the options say", () => {
    const model = inCluster(
      "services:\n  prefect:\n    options: { maxRuns: 3, runMemory: 4Gi, runCpu: '1' }",
    );
    const { env, ...run } = find(model, "prefect-worker").spawns[0] as (typeof worker.spawns)[number];
    expect(run).toEqual({
      name: "prefect-worker-run",
      key: "run",
      summary: "flow runs",
      image: "python",
      files: {},
      milliCpu: 1000,
      memoryBytes: 4 * 2 ** 30,
      tmpBytes: 2 ** 30,
      kind: "Job",
      home: null,
      diskBytes: 2 ** 30,
      ownSecrets: false,
      ports: [],
      atMost: 3,
    });
    expect(textsIn(env)).toMatchObject({
      PREFECT_API_URL: "prefect.api.url/api",
      PREFECT_API_AUTH_STRING: "admin:<prefect/admin>",
      DATALAB_S3_SECRET_KEY: "<prefect/lake>",
    });
  });

  test("lets runs reach the API and the lake, and not the database", () => {
    expect(edges(inCluster(), "from", "prefect-worker-run")).toEqual([
      "object-store:9000",
      "prefect-worker:8080",
      "prefect:4200",
      "spark-connect:15002",
    ]);
  });

  test("tells the registration that runs are Jobs, and on one host nothing", () => {
    expect(textsIn(find(inCluster(), "prefect-register").env).DATALAB_POOL_TYPE).toBe("kubernetes");
    expect(find(onHost(), "prefect-register").env.DATALAB_POOL_TYPE).toBeUndefined();
    expect(find(onHost(), "prefect-worker").command.map(text).join(" ")).toBe(
      "python -m datalab.prefect.worker start --name worker --pool default --type process --limit 4 --with-healthcheck",
    );
    expect(
      Object.keys(find(onHost(), "prefect-worker").env).filter((n) => /CLUSTER|RUN|NAMESPACE/.test(n)),
    ).toEqual([]);
  });
});

describe("Spark in a cluster", () => {
  const model = inCluster(
    "services:\n  spark:\n    options: { workers: 3 }\n    resources: { worker: { memory: 3Gi, cpu: '1' } }",
  );
  const connect = find(model, "spark-connect");
  const conf = Object.fromEntries(
    text(connect.files["spark.conf"])
      .trim()
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]),
  );

  test("has the server of sessions and the history, and neither master nor workers", () => {
    const names = workloads(model).map(({ name }) => name);
    expect(names.filter((name) => name.startsWith("spark"))).toEqual(["spark-connect", "spark-history"]);
  });

  test("makes executors of the target's template, on demand, and leaves nothing behind", () => {
    expect(conf).toMatchObject({
      "spark.master": "k8s://https://kubernetes.default.svc",
      "spark.kubernetes.namespace": "datalab-staging",
      "spark.kubernetes.container.image": "image of spark",
      "spark.kubernetes.executor.podTemplateFile": "/run/datalab/spawn-executor.json",
      "spark.kubernetes.executor.podTemplateContainerName": "main",
      "spark.kubernetes.executor.disableConfigMap": "true",
      "spark.kubernetes.driver.ownPersistentVolumeClaim": "false",
      "spark.kubernetes.driver.service.deleteOnTermination": "false",
      "spark.dynamicAllocation.enabled": "true",
      "spark.dynamicAllocation.minExecutors": "0",
      "spark.dynamicAllocation.maxExecutors": "3",
      "spark.driver.port": "7079",
      "spark.driver.blockManager.port": "7080",
      "spark.blockManager.port": "7081",
    });
    expect(Object.keys(conf).filter((key) => key.startsWith("spark.ui.reverseProxy"))).toEqual([]);
  });

  test("gives heap and overhead of an executor just the memory of its pod", () => {
    const [executor] = connect.spawns;
    expect(executor).toMatchObject({ memoryBytes: 3 * 2 ** 30, milliCpu: 1000, atMost: 3, kind: "Pod" });
    expect(conf["spark.executor.memory"]).toBe("2016m");
    expect(conf["spark.executor.memoryOverhead"]).toBe("1056m");
    expect(executor?.diskBytes).toBe(11 * 2 ** 30);
  });

  test("has its secret in files, and no key of the lake with executors", () => {
    expect(conf["spark.authenticate.secret.file"]).toBe("/run/datalab/auth");
    expect(conf["spark.authenticate.secret"]).toBeUndefined();
    expect(text(connect.files.auth)).toBe("<spark/cluster>");
    const [executor] = connect.spawns;
    expect(textsIn(executor?.files ?? {})).toEqual({ auth: "<spark/cluster>" });
    expect(Object.values(executor?.env ?? {}).filter(isSecret)).toEqual([]);
  });

  test("starts with what only its pod knows", () => {
    const start = text(connect.files["start.sh"]);
    expect(start).toContain('--conf "spark.driver.host=$DATALAB_POD_IP"');
    expect(start).toContain('--conf "spark.kubernetes.driver.pod.name=$DATALAB_POD"');
    expect(start).toContain('--conf "spark.kubernetes.executor.request.cores=$cores"');
    expect(start).toContain("/namespaces/datalab-staging/pods?labelSelector=datalab.driver%3D$DATALAB_POD");
    expect(start.trimEnd().split("\n").at(-1)).toMatch(/^exec java .*SparkConnectServer spark-internal$/);
  });

  test("opens driver and executors to each other, and nobody else", () => {
    expect(edges(model, "to", "spark-connect-executor")).toEqual([
      "spark-connect-executor:7081",
      "spark-connect:7081",
    ]);
    expect(edges(model, "from", "spark-connect-executor")).toEqual([
      "object-store:9000",
      "spark-connect-executor:7081",
      "spark-connect:15002",
      "spark-connect:4040",
      "spark-connect:7079",
      "spark-connect:7080",
    ]);
  });

  test("publishes the driver's page in the place of the master's", () => {
    expect(connect.endpoints.map(({ name, published, browser }) => ({ name, published, browser }))).toEqual([
      { name: "connect", published: null, browser: false },
      { name: "ui", published: 8080, browser: true },
      { name: "driver", published: null, browser: false },
      { name: "blocks", published: null, browser: false },
    ]);
    const moved = inCluster("services:\n  spark:\n    ports: { ui: 8181 }");
    expect(find(moved, "spark-connect").endpoints.find(({ name }) => name === "ui")?.published).toBe(8181);
  });
});

describe("JupyterHub in a cluster", () => {
  const model = inCluster("services:\n  jupyterhub:\n    options: { memory: 2Gi, cpu: '1', homeSize: 7Gi }");
  const hub = find(model, "jupyterhub");
  const settings = JSON.parse(text(hub.files["hub.json"]));

  test("spawns a pod and a claim for each user, without the agent's door", () => {
    expect(settings).toMatchObject({
      docker: null,
      cluster: {
        namespace: "datalab-staging",
        template: "/run/datalab/spawn-notebook.json",
        storageClass: null,
        homeBytes: 7 * 2 ** 30,
      },
    });
    expect(settings.environment).toBeUndefined();
    expect(hub.spawns[0]).toMatchObject({
      name: "jupyterhub-notebook",
      image: "notebook",
      kind: "Pod",
      milliCpu: 1000,
      memoryBytes: 2 * 2 ** 30,
      home: { path: "/home/notebook", sizeBytes: 7 * 2 ** 30 },
      ownSecrets: true,
      atMost: 10,
    });
    expect(textsIn(hub.spawns[0]?.env ?? {})).toMatchObject({
      HOME: "/home/notebook",
      DATALAB_S3_SECRET_KEY: "<jupyterhub/lake>",
      PREFECT_API_AUTH_STRING: "admin:<prefect/admin>",
    });
  });

  test("is reached by its proxy, which is told where it is", () => {
    expect(edges(model, "from", "jupyterhub-proxy")).toEqual(["jupyterhub-notebook:8888", "jupyterhub:8081"]);
    expect(textsIn(find(model, "jupyterhub-proxy").env)).toMatchObject({ DATALAB_HUB: "jupyterhub.hub.url" });
  });

  test("keeps notebooks from its own database and its proxy", () => {
    expect(edges(model, "from", "jupyterhub-notebook")).toEqual([
      "jupyterhub:8081",
      "mlflow:5000",
      "object-store:9000",
      "prefect:4200",
      "spark-connect:15002",
    ]);
    expect(edges(model, "to", "jupyterhub-notebook")).toEqual(["jupyterhub-proxy:8888", "jupyterhub:8888"]);
  });

  test("is asked whether it may spawn; on one host the agent's door is", () => {
    const checks = (of: PlatformModel) =>
      of.services.find(({ name }) => name === "jupyterhub")?.checks.map(({ name }) => name);
    expect(checks(model)).toEqual(["hub", "login-page", "routes", "spawner"]);
    expect(checks(onHost())).toEqual(["hub", "login-page", "routes", "spawner-door"]);
    expect(find(model, "agent").endpoints.map(({ name }) => name)).not.toContain("docker");
    expect(find(onHost(), "agent").endpoints.map(({ name }) => name)).toContain("docker");
  });
});
