import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { ConfigError, type Problem } from "../../errors.ts";
import type { Environment } from "../../model/environment.ts";
import { labelNames } from "../../model/names.ts";
import type { PlatformModel } from "../../model/platform.ts";
import { ProgramMissing, run } from "../process.ts";
import { dockerRun } from "./cli.ts";

/** The part of `docker inspect` that matters here; `docker ps` folds neighbouring ports into ranges. */
interface Inspected {
  readonly Name: string;
  readonly State: { readonly Status: string };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
  /** What it is to publish. */
  readonly HostConfig: { readonly PortBindings: Bindings | null };
  /** What it publishes, once it runs. */
  readonly NetworkSettings: { readonly Ports: Bindings | null };
}
type Bindings = Readonly<Record<string, readonly { readonly HostPort: string }[] | null>>;

interface Wanted {
  readonly service: string;
  readonly endpoint: string;
  readonly port: number;
}

/** A container that starts or stops is seen holding its ports before, or after, Docker says that it runs. */
const settleMs = 10_000;

/**
 * Throws one ConfigError when a port that the stack publishes is taken by something else. Ports that this
 * stack's own containers hold are fine: the engine knows them.
 */
export async function checkPorts(model: PlatformModel, environment: Environment): Promise<void> {
  const wanted = model.services.flatMap((service) =>
    service.workloads.flatMap((w) =>
      w.endpoints
        .filter((e) => e.published !== null)
        .map((e) => ({ service: service.name, endpoint: e.name, port: e.published as number })),
    ),
  );
  const deadline = Date.now() + settleMs;
  for (;;) {
    const free = await Promise.all(wanted.map(({ port }) => isFree(port)));
    const taken = wanted.filter((_, i) => !free[i]);
    if (taken.length === 0) return;
    const containers = await allContainers();
    const foreign = taken.filter(({ port }) => stackOf(holder(containers, port)) !== model.stack);
    const unsettled = foreign.some(({ port }) =>
      containers.some(
        (c) =>
          stackOf(c) === model.stack &&
          !["running", "exited"].includes(c.State.Status) &&
          has(c.HostConfig.PortBindings, port),
      ),
    );
    if (unsettled && Date.now() < deadline) {
      await sleep(500);
      continue;
    }
    if (foreign.length === 0) return;
    throw new ConfigError(
      await Promise.all(foreign.map((each) => problem(each, holder(containers, each.port), environment))),
    );
  }
}

async function problem(
  { service, endpoint, port }: Wanted,
  container: Inspected | undefined,
  environment: Environment,
): Promise<Problem> {
  const owner = container ? `the container ${container.Name.slice(1)}` : await listener(port);
  const path = ["services", service, "ports", endpoint];
  return {
    path,
    message: `expected a free port, received ${port}, which ${owner} has`,
    at: environment.locate(path),
    fix: `Stop it, set services.${service}.ports.${endpoint}, or shift all ports with portOffset.`,
  };
}

const has = (bindings: Bindings | null, port: number): boolean =>
  Object.values(bindings ?? {}).some((bound) => bound?.some((b) => b.HostPort === String(port)));

const holder = (containers: readonly Inspected[], port: number) =>
  containers.find(
    ({ State, NetworkSettings }) => State.Status === "running" && has(NetworkSettings.Ports, port),
  );

const stackOf = (container: Inspected | undefined): string | undefined =>
  container?.Config.Labels?.[labelNames.stack];

async function allContainers(): Promise<readonly Inspected[]> {
  const ids = (await dockerRun(["ps", "--all", "--quiet"])).stdout.split("\n").filter((id) => id !== "");
  if (ids.length === 0) return [];
  // One of them may be gone by now, which is no failure: `docker inspect` prints the others.
  const { stdout } = await dockerRun(["inspect", "--type", "container", ...ids]);
  return JSON.parse(stdout.trim() || "[]") as Inspected[];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** The process that listens, as far as this user may see it. */
async function listener(port: number): Promise<string> {
  const ran = await run("ss", ["-Hltnp", `sport = :${port}`]).catch((error: unknown) => {
    if (error instanceof ProgramMissing) return undefined;
    throw error;
  });
  const match = /users:\(\("([^"]+)",pid=(\d+)/.exec(ran?.stdout ?? "");
  return match ? `the process ${match[1]} (pid ${match[2]})` : "another process";
}
