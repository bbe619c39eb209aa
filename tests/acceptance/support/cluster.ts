/** The cluster that tests may use, and what is asked of it behind the platform's back. */
import { spawnSync } from "node:child_process";
import { type Fetch, fetchVia, ingressRouteOf } from "../../../src/ops/services/ingress-route.ts";
import { type PlatformOutput, platformOutput } from "../../../src/outputs/platform.ts";
import type { Setting, Stage } from "./stage.ts";

interface TestCluster {
  readonly context: string;
  readonly registry: string;
  /** Of `datalab:platform`, whatever the services: CPU is promised several times over, for small nodes. */
  readonly platform: Readonly<Record<string, unknown>>;
}

export const domain = "staging.datalab.test";

export const testCluster = theCluster(domain);

/**
 * Of `datalab:platform` for one more stack in the cluster: pages of two stacks in one domain would be each
 * other's.
 */
export const platformAt = (host: string): Readonly<Record<string, unknown>> =>
  theCluster(host)?.platform ?? {};

function theCluster(host: string): TestCluster | undefined {
  // `address` is where its ingress controller answers HTTPS.
  const { DATALAB_TEST_CONTEXT, DATALAB_TEST_REGISTRY, DATALAB_TEST_INGRESS } = process.env;
  const address = DATALAB_TEST_INGRESS ?? "127.0.0.1:30443";
  if (!DATALAB_TEST_CONTEXT || !DATALAB_TEST_REGISTRY) return undefined;
  const ingress = { host, port: Number(address.split(":")[1]), address };
  return {
    context: DATALAB_TEST_CONTEXT,
    registry: DATALAB_TEST_REGISTRY,
    platform: {
      target: "kubernetes",
      images: { source: "registry" },
      kubernetes: { context: DATALAB_TEST_CONTEXT, cpuOvercommit: 10, ingress },
    },
  };
}

export const namespace = "datalab-acck";

/** The whole platform. */
export const inCluster: Setting = {
  stack: "acck",
  portOffset: 0,
  platform: {
    ...testCluster?.platform,
    services: { prefect: { scale: { worker: { min: 1, max: 2, cpuPercent: 60 } } } },
  },
};

/** kubectl in the stack's namespace; throws when it fails. */
export function kubectl(...args: string[]): string {
  const ran = tryKubectl(...args);
  if (ran.status === 0) return ran.stdout;
  throw new Error(`kubectl ${args.join(" ")} ended with ${ran.status}: ${ran.stderr}`);
}

export function tryKubectl(...args: string[]) {
  return spawnSync("kubectl", ["--context", testCluster?.context ?? "", "--namespace", namespace, ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
}

export function objects<T>(kinds: string, ...args: string[]): T[] {
  return (JSON.parse(kubectl("get", kinds, "--output", "json", ...args)) as { items: T[] }).items;
}

/** What is deployed, and how this machine gets to its pages. */
export class Entrance {
  readonly platform: PlatformOutput;
  readonly fetch: Fetch;

  private constructor(platform: PlatformOutput) {
    this.platform = platform;
    this.fetch = fetchVia(ingressRouteOf(platform));
  }

  static async of({ project }: Stage): Promise<Entrance> {
    const ran = await project.shell(`pulumi stack output platform --json --stack ${project.stack}`);
    if (ran.code !== 0) throw new Error(`the stack has no output: ${ran.stderr}`);
    return new Entrance(platformOutput.parse(JSON.parse(ran.stdout)));
  }

  /** Where an endpoint is published, without a slash at its end. */
  url(service: string, endpoint: string): string {
    const found = this.platform.services
      .find(({ name }) => name === service)
      ?.endpoints.find(({ name }) => name === endpoint);
    if (!found?.url) throw new Error(`${service} publishes no ${endpoint}`);
    return found.url.replace(/\/$/, "");
  }

  /** The cookie of a person who has logged in at the gateway. */
  async login(page: string, password: string): Promise<string> {
    const { origin } = new URL(page);
    const answer = await this.fetch(`${origin}/.datalab/login`, {
      method: "POST",
      headers: { origin },
      body: new URLSearchParams({ user: "admin", password }),
      redirect: "manual",
    });
    const cookie = answer.headers.getSetCookie()[0]?.split(";")[0];
    if (!cookie) throw new Error(`the gateway answered ${answer.status} to the right password`);
    return cookie;
  }
}

/** A number of an object, such as its `.status.replicas`; 0 where it says none. */
export function countOf(kind: string, name: string, path: string): number {
  return Number(kubectl("get", kind, name, "-o", `jsonpath={${path}}`) || 0);
}

interface Everything {
  readonly items: readonly {
    readonly kind: string;
    readonly metadata: { readonly name: string };
    readonly spec?: { readonly claimRef?: { readonly namespace: string } };
  }[];
}

/**
 * What there still is of a stack: its namespace, its volumes, and whatever of the cluster's carries its
 * label.
 */
export function leftInCluster(stack: string): string[] {
  const list = (kinds: string, ...args: string[]) =>
    (JSON.parse(kubectl("get", kinds, "--output", "json", ...args)) as Everything).items;
  const own = list(
    "namespaces,priorityclasses,clusterroles,clusterrolebindings",
    ...["--selector", `datalab.stack=${stack}`],
  );
  const volumes = list("persistentvolumes").filter(
    ({ spec }) => spec?.claimRef?.namespace === `datalab-${stack}`,
  );
  return [...own, ...volumes].map(({ kind, metadata }) => `${kind} ${metadata.name}`);
}
