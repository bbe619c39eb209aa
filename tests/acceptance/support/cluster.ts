/** The cluster that tests may use, and what is asked of it behind the platform's back. */
import { spawnSync } from "node:child_process";
import type { Setting } from "./stage.ts";

interface TestCluster {
  readonly context: string;
  readonly registry: string;
  /** Where its ingress controller answers HTTPS. */
  readonly ingress: string;
}

const { DATALAB_TEST_CONTEXT: context, DATALAB_TEST_REGISTRY: registry } = process.env;

export const cluster: TestCluster | undefined =
  context && registry
    ? { context, registry, ingress: process.env.DATALAB_TEST_INGRESS ?? "127.0.0.1:30443" }
    : undefined;

export const domain = "staging.datalab.test";
export const namespace = "datalab-acck";

/** The whole platform, with CPU promised several times over: the test cluster has one small node. */
export const inCluster: Setting = {
  stack: "acck",
  portOffset: 0,
  platform: {
    target: "kubernetes",
    images: { source: "registry" },
    kubernetes: {
      context: cluster?.context ?? "none",
      cpuOvercommit: 10,
      ingress: {
        host: domain,
        port: Number(cluster?.ingress.split(":")[1] ?? 443),
        address: cluster?.ingress,
      },
    },
    services: { prefect: { scale: { worker: { min: 1, max: 3, cpuPercent: 60 } } } },
  },
};

/** kubectl in the stack's namespace; throws when it fails. */
export function kubectl(...args: string[]): string {
  const ran = tryKubectl(...args);
  if (ran.status === 0) return ran.stdout;
  throw new Error(`kubectl ${args.join(" ")} ended with ${ran.status}: ${ran.stderr}`);
}

export function tryKubectl(...args: string[]) {
  return spawnSync("kubectl", ["--context", cluster?.context ?? "", "--namespace", namespace, ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
}

export function objects<T>(kinds: string, ...args: string[]): T[] {
  return (JSON.parse(kubectl("get", kinds, "--output", "json", ...args)) as { items: T[] }).items;
}
