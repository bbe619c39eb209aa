import * as k8s from "@pulumi/kubernetes";
import { expect, test } from "vitest";
import { violationsOf } from "../../policy/rules/index.ts";
import type { Resource } from "../../policy/rules/rule.ts";
import type { ClusterModel } from "../../src/model/platform.ts";
import { services } from "../../src/services/index.ts";
import { deployDocker } from "../../src/targets/docker/index.ts";
import { deployKubernetes } from "../../src/targets/kubernetes/index.ts";
import { inCluster } from "../support/clusters.ts";
import { type Hidden, type Registered, record } from "../support/mocks.ts";
import { modelOf } from "../support/project.ts";
import { deploy as deployProd, prodModel } from "../targets/aws/fixture.ts";

const config = {
  "datalab:masterSecret": "m".repeat(43),
  "datalab:tlsKey": "key",
  "datalab:tlsCertificate": "certificate",
  "datalab:tlsAuthority": "authority",
};

/** Inputs as the pack sees them: what the engine keeps secret is a value for it. */
function shown(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== "object" || value === null) return value;
  if ("hidden" in value) return shown((value as Hidden).hidden);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shown(inner)]));
}

const planned = (resources: readonly Registered[]): Resource[] =>
  resources
    .filter(({ custom, type }) => custom && !type.startsWith("pulumi:"))
    .map(({ type, name, inputs }) => ({ type, name, props: shown(inputs) }) as Resource);

test("the whole of dev keeps every rule", { timeout: 60_000 }, async () => {
  const model = modelOf("", "dev", services);
  const names = new Set(model.services.flatMap((s) => s.workloads.map((w) => w.image)));
  const images = new Map([...names].map((name, i) => [name, `sha256:${String(i).padStart(64, "0")}`]));
  const { resources } = await record(() => deployDocker(model, images), {
    config,
    state: () => ({ exitCode: 0, containerLogs: "" }),
  });
  expect(planned(resources).length).toBeGreaterThan(60);
  expect(violationsOf(planned(resources))).toEqual([]);
});

test("the whole of staging keeps every rule", { timeout: 60_000 }, async () => {
  const model = modelOf(inCluster, "staging", services);
  const deploy = () =>
    deployKubernetes(model, model.cluster as ClusterModel, new k8s.Provider("cluster", { context: "lab" }));
  const { resources } = await record(deploy, { config, stack: "staging" });
  expect(planned(resources).length).toBeGreaterThan(100);
  expect(violationsOf(planned(resources))).toEqual([]);
});

test("the whole of prod keeps every rule", { timeout: 60_000 }, async () => {
  const { resources } = await deployProd(prodModel({ known: services }));
  expect(planned(resources).length).toBeGreaterThan(200);
  expect(violationsOf(planned(resources))).toEqual([]);
});
