import * as k8s from "@pulumi/kubernetes";
import { beforeAll, describe, expect, test } from "vitest";
import { deriveSecret } from "../../../src/model/derive.ts";
import type { ClusterModel, PlatformModel } from "../../../src/model/platform.ts";
import type { PlatformOutput } from "../../../src/outputs/platform.ts";
import { services } from "../../../src/services/index.ts";
import { deployKubernetes } from "../../../src/targets/kubernetes/index.ts";
import { inCluster } from "../../support/clusters.ts";
import { type Recording, readable, record } from "../../support/mocks.ts";
import { modelOf } from "../../support/project.ts";

const master = "m".repeat(43);
const config = {
  "datalab:masterSecret": master,
  "datalab:tlsKey": "canary-key",
  "datalab:tlsCertificate": "certificate",
  "datalab:tlsAuthority": "authority",
};
const deploy = (model: PlatformModel) =>
  record(
    () =>
      deployKubernetes(model, model.cluster as ClusterModel, new k8s.Provider("cluster", { context: "lab" })),
    { config, stack: "staging" },
  ) as Promise<Recording & { output: PlatformOutput }>;

describe("the whole platform in a cluster", () => {
  let model: PlatformModel;
  let recorded: Recording & { output: PlatformOutput };
  beforeAll(async () => {
    model = modelOf(inCluster, "staging", services);
    recorded = await deploy(model);
  });
  const named = (kind: string) =>
    recorded.resources
      .filter(({ type }) => type.endsWith(`:${kind}`))
      .map(({ name }) => name)
      .sort();
  const workloads = () => model.services.flatMap((s) => s.workloads);

  test("every workload has a controller of the kind that it needs, and no other", () => {
    const all = workloads();
    const names = (pick: (w: (typeof all)[number]) => boolean) =>
      all
        .filter(pick)
        .map(({ name }) => name)
        .sort();
    expect(named("StatefulSet")).toEqual(names((w) => w.volumes.length > 0));
    expect(named("Job")).toEqual(names((w) => w.oneShot));
    expect(named("Deployment")).toEqual(names((w) => w.volumes.length === 0 && !w.oneShot));
    expect(named("PodDisruptionBudget")).toEqual(names((w) => !w.oneShot));
    expect(named("StatefulSet")).toEqual(
      expect.arrayContaining(["alertmanager", "logs", "object-store", "postgres", "prometheus"]),
    );
  });

  test("every workload, and whatever one spawns, has an account and network rules of its own", () => {
    const all = workloads().flatMap((w) => [w.name, ...w.spawns.map(({ name }) => name)]);
    expect(named("ServiceAccount")).toEqual([...all].sort());
    expect(named("NetworkPolicy")).toEqual([...all, "default-deny"].sort());
  });

  test("nobody has a token but who speaks with the cluster, and none reaches beyond the namespace", () => {
    const roles = named("Role");
    expect(roles).toEqual(
      workloads()
        .filter((w) => w.host.length > 0 || w.spawns.length > 0)
        .map(({ name }) => name)
        .sort(),
    );
    expect(named("ClusterRole")).toEqual([]);
    expect(named("ClusterRoleBinding")).toEqual([]);
    for (const account of recorded.resources.filter(({ type }) => type.endsWith(":ServiceAccount")))
      expect(account.inputs.automountServiceAccountToken).toBe(false);
  });

  test("a stack stays well below what the state can hold", () => {
    expect(recorded.resources.length).toBeLessThan(300);
  });

  test("nothing that people may read holds a secret", () => {
    const secrets = ["canary-key", ...model.secrets.map((secret) => deriveSecret(master, "staging", secret))];
    const plain = JSON.stringify(
      recorded.resources.map(({ inputs, ...rest }) => ({ ...rest, inputs: readable(inputs) })),
    );
    expect(secrets.filter((secret) => plain.includes(secret))).toEqual([]);
    const encoded = secrets.map((secret) => Buffer.from(secret).toString("base64"));
    expect(encoded.filter((secret) => plain.includes(secret))).toEqual([]);
  });

  test("no page is published beside the one way in", () => {
    const types = recorded.resources
      .filter(({ type }) => type === "kubernetes:core/v1:Service")
      .map(({ inputs }) => (inputs.spec as { type: string }).type);
    expect(new Set(types)).toEqual(new Set(["ClusterIP"]));
    expect(named("Ingress")).toEqual(["pages"]);
  });

  test("every pod starts after the namespace's rules and its own files", () => {
    const { dependsOn } = recorded.get("kubernetes:apps/v1:Deployment", "mlflow").options;
    expect(dependsOn).toEqual(
      expect.arrayContaining([
        "Namespace namespace",
        "NetworkPolicy default-deny",
        "NetworkPolicy mlflow",
        "ResourceQuota quota",
        "Secret mlflow-files",
        "ServiceAccount mlflow",
      ]),
    );
  });

  test("the namespace outlives the stack where claims are kept, and goes with it where none is", async () => {
    expect(recorded.get("kubernetes:core/v1:Namespace", "namespace").options.retainOnDelete).toBe(true);
    const forgetful = await deploy(modelOf(`${inCluster}data: { policy: delete }`, "staging", services));
    expect(forgetful.get("kubernetes:core/v1:Namespace", "namespace").options.retainOnDelete).toBe(false);
  });

  test("the output says where people and the command line get in", () => {
    const { output } = recorded;
    expect(output.core.url).toBe("https://core.lab.example.com");
    expect(output.kubernetes).toEqual({
      context: "lab",
      kubeconfig: null,
      namespace: "datalab-staging",
      address: null,
      ca: "authority",
    });
    const endpoint = (service: string, name: string) =>
      output.services.find((s) => s.name === service)?.endpoints.find((e) => e.name === name);
    expect(endpoint("dashboard", "ui")).toMatchObject({
      url: "https://dashboard.lab.example.com",
      internalUrl: "http://dashboard:8501",
    });
    expect(endpoint("object-store", "console")?.url).toBe("https://object-store-console.lab.example.com");
    expect(endpoint("postgres", "sql")?.url).toBeNull();
    expect(output.services.find(({ name }) => name === "prefect")?.workloads[0]).toMatchObject({
      name: "prefect",
      instance: "prefect",
    });
  });

  test("URNs of what holds data stay: a rename would replace it", () => {
    const urns = recorded.resources.filter(({ type }) => type.endsWith(":StatefulSet")).map(({ urn }) => urn);
    expect(urns).toContain(
      "urn:pulumi:staging::datalab::datalab:kubernetes:Platform$datalab:kubernetes:Service$kubernetes:apps/v1:StatefulSet::postgres",
    );
    expect(urns).toContain(
      "urn:pulumi:staging::datalab::datalab:kubernetes:Platform$datalab:kubernetes:Service$kubernetes:apps/v1:StatefulSet::object-store",
    );
  });
});
