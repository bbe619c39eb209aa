import { labelNames } from "../../model/names.ts";
import { dockerJson, dockerRun } from "./cli.ts";

interface Inspected {
  readonly Name: string;
  readonly Config: {
    readonly Labels: Readonly<Record<string, string>> | null;
    readonly Env: readonly string[] | null;
    readonly StopTimeout?: number;
  };
}

/**
 * Stops the running containers of a stack, each when those that wait for it at their start have ended, and
 * all others side by side. One that can't be stopped is left to whoever removes it.
 */
export async function stopInOrder(stack: string): Promise<void> {
  const { stdout } = await dockerRun(["ps", "--quiet", "--filter", `label=${labelNames.stack}=${stack}`]);
  const ids = stdout.split("\n").filter((id) => id !== "");
  if (ids.length === 0) return;
  const running = await dockerJson<Inspected>(["inspect", "--type", "container", ...ids]);
  const waiting = running.map((container) => ({ container, waitsFor: new Set(waitsOf(container)) }));
  const stopping = new Map<Inspected, Promise<void>>();
  const stop = (container: Inspected): Promise<void> => {
    const known = stopping.get(container);
    if (known) return known;
    const workload = container.Config.Labels?.[labelNames.workload] ?? "";
    const before = waiting.filter((w) => w.container !== container && w.waitsFor.has(workload));
    const promise = Promise.all(before.map((w) => stop(w.container))).then(async () => {
      await dockerRun([
        "stop",
        "--time",
        String(container.Config.StopTimeout ?? 10),
        container.Name.slice(1),
      ]);
    });
    stopping.set(container, promise);
    return promise;
  };
  await Promise.all(running.map(stop));
}

/** Workloads that datalab-start waits for; no two wait for each other. */
const waitsOf = ({ Config }: Inspected): string[] =>
  (Config.Env ?? [])
    .flatMap((line) => /^DATALAB_WAIT=(.*)$/.exec(line)?.[1]?.split(" ") ?? [])
    .map((address) => address.replace(/:\d+$/, ""));
