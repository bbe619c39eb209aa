import { describe, expect, test } from "vitest";
import type { AgentConfig } from "../../src/agent/config.ts";
import type { PlatformModel, WorkloadModel } from "../../src/model/platform.ts";
import { isSecret, render } from "../../src/model/refs.ts";
import { services } from "../../src/services/index.ts";
import { declare, makeProject, modelOf as modelWith, platformYaml } from "../support/project.ts";

const modelOf = (yaml: string) => modelWith(yaml, "dev", services);
const workload = (model: PlatformModel, name: string) =>
  model.services.flatMap((s) => s.workloads).find((w) => w.name === name) as WorkloadModel;
const commandOf = (found: WorkloadModel) => found.command.map((text) => render(text, () => "ref"));
/** The agent's settings, each secret as <its id>. */
const agentOf = (yaml: string): AgentConfig =>
  JSON.parse(
    render(workload(modelOf(yaml), "agent").files["agent.json"] ?? "", (ref) =>
      ref.ref === "secret" ? `<${ref.id}>` : ref.ref === "image" ? `image ${ref.name}` : `<${ref.ref}>`,
    ),
  );
const inCluster = `target: kubernetes
kubernetes: { context: lab, ingress: { host: lab.example.com } }
images: { source: registry }`;
const off = (name: string) => `target: docker\nservices:\n  ${name}: { enabled: false }`;

describe("the log store", () => {
  test("keeps lines for as long, and on as much disk, as its options say", () => {
    const plain = commandOf(workload(modelOf("target: docker"), "logs"));
    expect(plain).toContain("-retentionPeriod=1209600s");
    expect(plain).toContain("-retention.maxDiskSpaceUsageBytes=4294967296");
    const yaml = "target: docker\nservices:\n  logs:\n    options: { retention: 2d, diskLimit: 500Mi }";
    const set = commandOf(workload(modelOf(yaml), "logs"));
    expect(set).toContain("-retentionPeriod=172800s");
    expect(set).toContain("-retention.maxDiskSpaceUsageBytes=524288000");
  });

  test("refuses a retention that it would refuse itself", () => {
    const yaml = "target: docker\nservices:\n  logs:\n    options: { retention: 5h }";
    const project = makeProject({ "Pulumi.dev.yaml": platformYaml(yaml) });
    expect(() => declare(project, "dev", services)).toThrow("at least 1d");
  });

  test("has a password that stands in no argument and no variable", () => {
    const { command, env, files } = workload(modelOf("target: docker"), "logs");
    expect([...command, ...Object.values(env)].filter(isSecret)).toEqual([]);
    expect(isSecret(files.password ?? "")).toBe(true);
  });

  test("is read through the gateway", () => {
    const view = modelOf("target: docker").services.find(({ name }) => name === "logs");
    expect(view?.workloads[0]?.endpoints[0]).toMatchObject({ port: 9428, auth: "gateway", browser: true });
  });
});

describe("the agent", () => {
  test("is the only one with Docker's socket", () => {
    const all = modelOf("target: docker").services.flatMap((s) => s.workloads);
    expect(all.filter(({ host }) => host.length > 0).map(({ name }) => name)).toEqual(["agent"]);
  });

  test("publishes nothing", () => {
    const { endpoints } = workload(modelOf("target: docker"), "agent");
    expect(endpoints.map(({ published }) => published)).toEqual([null, null]);
  });

  test("ships to the log store with its login, and nowhere without one", () => {
    expect(agentOf("target: docker").logs).toMatchObject({
      workload: "logs",
      user: "logs",
      password: "<logs/admin>",
    });
    expect(agentOf(off("logs")).logs).toBeNull();
  });

  test("opens its door for the hub alone, in the confines of its options", () => {
    expect(agentOf("target: docker").spawner).toEqual({
      user: "hub",
      token: "<agent/spawner>",
      image: "image notebook",
      network: "datalab-dev",
      service: "jupyterhub",
      home: "/home/notebook",
      memoryBytes: 2 ** 30,
      maxMemoryBytes: 4 * 2 ** 30,
      milliCpu: 1000,
      maxMilliCpu: 2000,
      pids: 512,
      tmpBytes: 256 * 2 ** 20,
    });
    expect(agentOf(off("jupyterhub")).spawner).toBeNull();
  });
});

describe("the agent in a cluster", () => {
  test("asks Kubernetes for the containers of the stack's namespace", () => {
    expect(agentOf("target: docker").source).toBe("docker");
    expect(agentOf(inCluster).source).toEqual({ kubernetes: { namespace: "datalab-dev" } });
  });

  test("keeps no door to Docker, and nobody waits for one", () => {
    const model = modelOf(inCluster);
    expect(agentOf(inCluster).spawner).toBeNull();
    expect(workload(model, "agent").endpoints.map(({ name }) => name)).toEqual(["metrics"]);
    const waits = model.services.flatMap(({ workloads }) => workloads.flatMap(({ waitFor }) => waitFor));
    expect(waits.filter(({ workload }) => workload === "agent")).toEqual([]);
  });
});
