import { createHash } from "node:crypto";
import { filesRole, labelNames, stackName } from "../../model/names.ts";
import { nameOfUrn, type StateResource } from "../state-resource.ts";
import type { DriftItem } from "../target.ts";
import { dockerJson, dockerRun } from "./cli.ts";
import { dockerTypes } from "./types.ts";

interface Container {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly State: { readonly Status: string };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
  readonly HostConfig: {
    readonly Memory: number;
    readonly MemorySwap: number;
    readonly CpuShares: number;
    readonly RestartPolicy: { readonly Name: string };
  };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, unknown>> };
}
interface Labelled {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

type Kind = keyof typeof dockerTypes;

/**
 * What of a stack is otherwise on its Docker host than its state says, and what is there that no state knows.
 * The engine's refresh does not see all of it: a network that was taken from a container, files that were
 * changed in a volume, strangers.
 */
export async function dockerDrift(stack: string, state: readonly StateResource[]): Promise<DriftItem[]> {
  const [containers, volumes, networks] = await Promise.all([
    everyContainer(),
    labelledOf("volume", stack),
    labelledOf("network", stack),
  ]);
  const known = (kind: Kind) => state.filter(({ type }) => type === dockerTypes[kind]);
  const nameIn = (resource: StateResource) => String(resource.inputs?.name ?? resource.outputs?.name);
  const byName = new Map(containers.map((container) => [plainName(container), container]));
  const own = known("container").map((resource) => [resource, byName.get(nameIn(resource))] as const);

  const gone = (kind: Kind, present: readonly string[]): DriftItem[] =>
    known(kind)
      .filter((resource) => !present.includes(nameIn(resource)))
      .map((resource) => item("missing", kind, nameIn(resource), "it does not exist", "up", resource.urn));
  const names = {
    container: [...byName.keys()],
    volume: await existing("volume", known("volume").map(nameIn)),
    network: await existing("network", known("network").map(nameIn)),
  };
  const compared = await Promise.all(
    own.flatMap(([resource, container]) => (container ? [compare(resource, container, state)] : [])),
  );
  const knownNames = (kind: Kind) => new Set(known(kind).map(nameIn));
  return [
    ...gone("container", names.container),
    ...gone("volume", names.volume),
    ...gone("network", names.network),
    ...compared.flat(),
    ...unknownContainers(stack, containers, knownNames("container")),
    ...unknown("volume", volumes, knownNames("volume")),
    ...unknown("network", networks, knownNames("network")),
  ];
}

const item = (
  what: DriftItem["what"],
  kind: string,
  name: string,
  details: string,
  repair: DriftItem["repair"],
  urn: string | null = null,
): DriftItem => ({ what, kind, name, details, repair, urn });

const plainName = ({ Name }: Container): string => Name.replace(/^\//, "");

async function compare(
  resource: StateResource,
  container: Container,
  state: readonly StateResource[],
): Promise<DriftItem[]> {
  const { inputs = {}, urn, id } = resource;
  const name = plainName(container);
  const running = container.State.Status === "running";
  const files = running ? await changedFiles(resource, container, state) : [];
  const say = (what: DriftItem["what"], details: string, repair: DriftItem["repair"]) => [
    item(what, "container", name, details, repair, urn),
    ...files,
  ];
  if (id !== undefined && container.Id !== id)
    return say("changed", "another container has its name", "replace");
  const { HostConfig: host } = container;
  const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20);
  const differences = (
    [
      ["image", inputs.image, container.Image],
      ["memory", inputs.memory, mebibytes(host.Memory)],
      ["memorySwap", inputs.memorySwap, mebibytes(host.MemorySwap)],
      ["cpuShares", inputs.cpuShares, host.CpuShares],
      ["restart", inputs.restart, host.RestartPolicy.Name],
    ] as const
  ).filter(([, wanted, is]) => wanted !== undefined && wanted !== is);
  if (differences.length > 0) {
    const details = differences.map(([field, wanted, is]) => `${field} is ${is}, not ${wanted}`).join("; ");
    return say("changed", details, "up");
  }
  const attached = Object.keys(container.NetworkSettings.Networks);
  const wanted = ((inputs.networksAdvanced ?? []) as { name: string }[]).map((n) => n.name);
  const lost = wanted.filter((network) => !attached.includes(network));
  if (lost.length > 0) return say("changed", `it is missing in the network ${lost.join(", ")}`, "replace");
  const more = wanted.length > 0 ? attached.filter((network) => !wanted.includes(network)) : [];
  if (more.length > 0) return say("changed", `it is also in the network ${more.join(", ")}`, "replace");
  if (inputs.mustRun !== false && inputs.start !== false && !running)
    return say("stopped", `it is ${container.State.Status}`, "up");
  return files;
}

/** Files of a workload as its container sees them, against what was written to them. */
async function changedFiles(
  resource: StateResource,
  container: Container,
  state: readonly StateResource[],
): Promise<DriftItem[]> {
  const holderName = `${nameOfUrn(resource.urn)}-files`;
  const holder = state.find(
    ({ type, urn }) => type === dockerTypes.container && nameOfUrn(urn) === holderName,
  );
  const uploads = (holder?.inputs?.uploads ?? []) as { file: string; content?: string }[];
  const files = uploads.filter(({ content }) => typeof content === "string");
  if (!holder || files.length === 0) return [];
  const name = plainName(container);
  const { stdout } = await dockerRun(["exec", name, "sha256sum", "--", ...files.map(({ file }) => file)]);
  const sums = new Map(stdout.split("\n").map((line) => [line.slice(66), line.slice(0, 64)] as const));
  const hash = (text = "") => createHash("sha256").update(text).digest("hex");
  const wrong = files
    .filter(({ file, content }) => sums.get(file) !== hash(content))
    .map(({ file }) => `${file} is ${sums.has(file) ? "changed" : "missing"}`);
  return wrong.length === 0
    ? []
    : [item("changed", "container", `${name}-files`, wrong.join("; "), "replace", holder.urn)];
}

/** Containers of the stack that no state knows, and strangers in its network. */
function unknownContainers(
  stack: string,
  containers: readonly Container[],
  known: ReadonlySet<string>,
): DriftItem[] {
  return containers.flatMap((container) => {
    const name = plainName(container);
    const labels = container.Config.Labels ?? {};
    if (known.has(name)) return [];
    if (labels[labelNames.stack] === stack) {
      // What services have started themselves is in nobody's state.
      return labels[labelNames.role] === undefined || labels[labelNames.role] === filesRole
        ? [item("unknown", "container", name, "it has the stack's label but is not in the state", "remove")]
        : [];
    }
    return Object.keys(container.NetworkSettings.Networks).includes(stackName(stack))
      ? [
          item(
            "foreign",
            "container",
            name,
            "it is in the stack's network but does not belong to the stack",
            "people",
          ),
        ]
      : [];
  });
}

function unknown(kind: Kind, found: readonly Labelled[], known: ReadonlySet<string>): DriftItem[] {
  return found
    .filter(({ Name }) => !known.has(Name))
    .flatMap(({ Name, Labels }) => {
      const role = Labels?.[labelNames.role];
      // Data of a service that is off is kept on purpose; so are notebooks' homes.
      if (role !== undefined && role !== filesRole) return [];
      const details = "it has the stack's label but is not in the state";
      // A volume may hold something that is wanted.
      return [item("unknown", kind, Name, details, kind === "volume" ? "people" : "remove")];
    });
}

async function everyContainer(): Promise<readonly Container[]> {
  const { stdout } = await dockerRun(["ps", "--all", "--quiet", "--no-trunc"]);
  const ids = stdout.split("\n").filter((id) => id !== "");
  if (ids.length === 0) return [];
  // One that goes meanwhile is told on stderr; the others are printed all the same.
  const inspected = await dockerRun(["inspect", "--type", "container", ...ids]);
  return JSON.parse(inspected.stdout.trim() || "[]") as Container[];
}

async function labelledOf(kind: Kind, stack: string): Promise<readonly Labelled[]> {
  const filter = ["--filter", `label=${labelNames.stack}=${stack}`];
  const { stdout } = await dockerRun([kind, "ls", "--quiet", ...filter]);
  const names = stdout.split("\n").filter((name) => name !== "");
  return names.length === 0 ? [] : dockerJson<Labelled>([kind, "inspect", ...names]);
}

/** Those of the names that Docker has. */
async function existing(kind: Kind, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return [];
  const { stdout } = await dockerRun([kind, "inspect", ...names]);
  return (JSON.parse(stdout.trim() || "[]") as { Name: string }[]).map(({ Name }) => Name);
}
