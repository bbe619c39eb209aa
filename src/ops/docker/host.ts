import { filesRole, instanceName, labelNames, replicaNames, spawnedRole } from "../../model/names.ts";
import type { Host, Inventory, Owner, StackObject } from "../target.ts";
import { dockerJson, dockerLines, dockerRun, dockerText } from "./cli.ts";
import { checkPorts as checkTarget } from "./ports.ts";
import { dockerRuntime } from "./runtime.ts";
import { stopInOrder } from "./stop.ts";
import { dockerStoreHost } from "./store.ts";
import { failedOneShots, stopOneShots, watchFailures } from "./watch.ts";

interface InspectedVolume {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

export const dockerHost: Host = {
  checkTarget,
  watchFailures,
  stopOneShots,
  failedOneShots,
  // Docker makes one container after the other; asked for all at once, the first ones are there no sooner
  // than the last.
  parallel: 16,
  // The engine's own message and the watching have told it.
  diagnose: async () => undefined,
  stores: dockerStoreHost,

  async startStopped(stack) {
    const stopped = (await dockerRuntime.instances(stack)).filter((instance) => instance.stopped);
    await Promise.all(stopped.map(({ name }) => dockerRuntime.start(name)));
    return stopped.map(({ service }) => service);
  },

  coreUrl({ health, services }) {
    const workload = services.flatMap((s) => s.workloads).find(({ name }) => name === health?.workload);
    const published = workload?.endpoints.find(({ name }) => name === health?.endpoint)?.published;
    return typeof published === "number" ? `http://127.0.0.1:${published}` : undefined;
  },

  async inventory(stack, { sizes: measured } = { sizes: true }): Promise<Inventory> {
    const [objects, volumes] = await Promise.all([objectsOf(stack), volumesOf(stack)]);
    if (volumes.length === 0) return { objects, volumes: [] };
    const [inspected, sizes] = await Promise.all([
      dockerJson<InspectedVolume>(["volume", "inspect", ...volumes]),
      measured ? volumeSizes() : new Map<string, number>(),
    ]);
    return {
      objects,
      volumes: inspected.map(({ Name, Labels }) => ({
        name: Name,
        service: Labels?.[labelNames.service] ?? "",
        bytes: sizes.get(Name) ?? null,
        ...owned(Labels?.[labelNames.installation], Labels?.[labelNames.origin]),
      })),
    };
  },

  async removeObjects(stack) {
    await stopInOrder(stack);
    await this.removeLeftovers(await objectsOf(stack));
    await this.removeVolumes(await volumesOf(stack, filesRole));
  },

  async isIncomplete({ stack, services }) {
    const there = new Set(await containersOf(stack));
    return services
      .flatMap((service) => service.workloads)
      .flatMap(({ name, replicas }) => replicaNames(name, replicas))
      .some((name) => !there.has(instanceName(stack, name)));
  },

  spawned: (stack) => containersOf(stack, spawnedRole),

  async removeSpawned(stack) {
    const containers = await this.spawned(stack);
    if (containers.length > 0) await dockerText(["rm", "--force", "--volumes", ...containers]);
    // Their variables; homes carry another role and are kept as data.
    await this.removeVolumes(await volumesOf(stack, spawnedRole));
    return containers;
  },

  async removeLeftovers(objects) {
    const named = (kind: string) => objects.filter((o) => o.kind === kind).map(({ name }) => name);
    const [containers, networks] = [named("container"), named("network")];
    if (containers.length > 0) await dockerText(["rm", "--force", "--volumes", ...containers]);
    if (networks.length > 0) await dockerText(["network", "rm", ...networks]);
  },

  async removeVolumes(volumes) {
    if (volumes.length > 0) await dockerText(["volume", "rm", ...volumes]);
  },
};

/** What carries a stack's label, and that of a role where one is given. */
const labelled = (stack: string, role?: string): string[] => [
  ...["--filter", `label=${labelNames.stack}=${stack}`],
  ...(role === undefined ? [] : ["--filter", `label=${labelNames.role}=${role}`]),
];

const containersOf = (stack: string, role?: string): Promise<string[]> =>
  dockerLines(["ps", "--all", ...labelled(stack, role), "--format", "{{.Names}}"]);

const volumesOf = (stack: string, role?: string): Promise<string[]> =>
  dockerLines(["volume", "ls", ...labelled(stack, role), "--format", "{{.Name}}"]);

/** Everything that holds no data, but for volumes of files. */
async function objectsOf(stack: string): Promise<StackObject[]> {
  const labels = [labelNames.installation, labelNames.origin]
    .map((label) => `\t{{.Label "${label}"}}`)
    .join("");
  const listed = async (kind: "container" | "network", command: readonly string[], name: string) =>
    (await dockerLines([...command, ...labelled(stack), "--format", `${name}${labels}`])).map((line) => {
      const [found = "", installation, origin] = line.split("\t");
      return { kind, name: found, ...owned(installation, origin) };
    });
  const [containers, networks] = await Promise.all([
    listed("container", ["ps", "--all"], "{{.Names}}"),
    listed("network", ["network", "ls"], "{{.Name}}"),
  ]);
  return [...containers, ...networks];
}

const owned = (installation: string | undefined, origin: string | undefined): { readonly owner?: Owner } =>
  installation ? { owner: { installation, ...(origin && { origin }) } } : {};

/** Bytes by volume name; Docker measures them only in its overview of disk use. */
async function volumeSizes(): Promise<ReadonlyMap<string, number>> {
  const { code, stdout } = await dockerRun(["system", "df", "--verbose", "--format", "{{json .Volumes}}"]);
  if (code !== 0) return new Map();
  const volumes = JSON.parse(stdout.trim() || "[]") as { Name: string; Size: string }[];
  return new Map(volumes.map(({ Name, Size }) => [Name, parseDockerSize(Size)]));
}

/** "46.2MB" -> bytes; Docker counts in thousands. */
export function parseDockerSize(text: string): number {
  const match = /^([\d.]+)([kMGT]?)B$/.exec(text);
  if (!match) return 0;
  const power = ["", "k", "M", "G", "T"].indexOf(match[2] as string);
  return Math.round(Number(match[1]) * 1000 ** power);
}
