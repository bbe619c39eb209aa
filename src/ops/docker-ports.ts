import { createServer } from "node:net";
import { ConfigError, type Problem } from "../config/error.ts";
import type { Environment } from "../config/load.ts";
import { labelNames } from "../model/names.ts";
import type { PlatformModel } from "../model/platform.ts";
import { dockerJson, dockerRun } from "./docker-cli.ts";
import { ProgramMissing, run } from "./process.ts";

/** The part of `docker inspect` that matters here; `docker ps` folds neighbouring ports into ranges. */
interface Inspected {
  readonly Name: string;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, readonly { readonly HostPort: string }[] | null>> | null;
  };
}

/**
 * Throws one ConfigError when a port that the stack publishes is taken by something else. Ports that this stack's own
 * containers hold are fine: the engine knows them.
 */
export async function checkPorts(model: PlatformModel, environment: Environment): Promise<void> {
  const wanted = model.services.flatMap((service) =>
    service.workloads.flatMap((w) =>
      w.endpoints
        .filter((e) => e.published !== null)
        .map((e) => ({ service: service.name, endpoint: e.name, port: e.published as number })),
    ),
  );
  const free = await Promise.all(wanted.map(({ port }) => isFree(port)));
  const taken = wanted.filter((_, i) => !free[i]);
  if (taken.length === 0) return;

  const containers = await runningContainers();
  const problems: Problem[] = [];
  for (const { service, endpoint, port } of taken) {
    const container = containers.find(({ NetworkSettings }) =>
      Object.values(NetworkSettings.Ports ?? {}).some((bound) =>
        bound?.some((b) => b.HostPort === String(port)),
      ),
    );
    if (container?.Config.Labels?.[labelNames.stack] === model.stack) continue;
    const owner = container ? `the container ${container.Name.slice(1)}` : await listener(port);
    const path = ["services", service, "ports", endpoint];
    problems.push({
      path,
      message: `expected a free port, received ${port}, which ${owner} has`,
      at: environment.locate(path),
      fix: `Stop it, set services.${service}.ports.${endpoint}, or shift all ports with portOffset.`,
    });
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

async function runningContainers(): Promise<readonly Inspected[]> {
  const ids = (await dockerRun(["ps", "--quiet"])).stdout.split("\n").filter((id) => id !== "");
  return ids.length === 0 ? [] : dockerJson<Inspected>(["inspect", "--type", "container", ...ids]);
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
