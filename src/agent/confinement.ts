import { envFile } from "../model/env-file.ts";
import { labelNames, spawnedRole } from "../model/names.ts";
import type { SpawnerConfig } from "./config.ts";

export interface Confines extends SpawnerConfig {
  readonly stack: string;
  readonly instancePrefix: string;
}

/** The names that belong to one spawned container. */
export interface SpawnedNames {
  readonly container: string;
  /** Its host name, network alias and label. */
  readonly workload: string;
  /** One per user: named servers of a user share it. */
  readonly home: string;
  /** Holds its variables. */
  readonly files: string;
}

/** A container to be made: Docker's body, and the variables that must not stand in it. */
export interface Confined {
  readonly body: Readonly<Record<string, unknown>>;
  readonly environment: string;
}

/** Why a request is not let through. */
export class Refusal extends Error {}

const uid = "10001:10001";
const kind = "notebook-";
const maxVariables = 200;

/** The names for a container's name, or undefined when it is none that may be spawned. */
export function spawnedNames({ instancePrefix }: Confines, container: string): SpawnedNames | undefined {
  if (!container.startsWith(`${instancePrefix}${kind}`) || container.length > 200) return undefined;
  const workload = container.slice(instancePrefix.length);
  const rest = workload.slice(kind.length);
  if (!/^[a-z0-9-]*[a-z0-9]$/.test(rest)) return undefined;
  // DockerSpawner writes "-" as "-2d": two of them in a row only stand between user and server.
  const cut = rest.indexOf("--", 1);
  const user = cut < 0 ? rest : rest.slice(0, cut);
  return {
    container,
    workload,
    home: `${instancePrefix}${kind}${user}-home`,
    files: `${container}-env`,
  };
}

/** Whether a volume's name is that of somebody's home. */
export function isHome(confines: Confines, volume: string): boolean {
  if (!volume.endsWith("-home")) return false;
  return spawnedNames(confines, volume.slice(0, -"-home".length))?.home === volume;
}

export const volumeLabels = ({ stack, service }: Confines, role: "data" | typeof spawnedRole) => ({
  [labelNames.stack]: stack,
  [labelNames.service]: service,
  [labelNames.role]: role,
});

export const containerLabels = ({ stack, service }: Confines, { workload }: SpawnedNames) => ({
  [labelNames.stack]: stack,
  [labelNames.service]: service,
  [labelNames.workload]: workload,
  [labelNames.role]: spawnedRole,
});

/**
 * What Docker is asked for in place of what the hub has asked for. Throws a Refusal when that would have gone
 * beyond the confines: a hub that asks for it is not the hub that the platform has configured.
 */
export function confine(confines: Confines, names: SpawnedNames, asked: unknown): Confined {
  if (!isObject(asked)) throw new Refusal("the body is not a JSON object");
  const host = asked.HostConfig ?? {};
  if (!isObject(host)) throw new Refusal("HostConfig is not an object");
  check(asked, allowedAsked(confines), "");
  check(host, allowedHost(confines, names), "HostConfig.");
  const memory = limit(numberOf(host.Memory), confines.memoryBytes, confines.maxMemoryBytes);
  const milliCpu = limit(askedMilliCpu(host), confines.milliCpu, confines.maxMilliCpu);
  const hostname = names.workload.slice(0, 63).replace(/-+$/, "");
  return {
    environment: environmentFile(asked.Env),
    body: {
      Image: confines.image,
      Hostname: hostname,
      User: uid,
      WorkingDir: confines.home,
      Env: [`HOME=${confines.home}`],
      ...(asked.Cmd !== undefined && asked.Cmd !== null && { Cmd: strings(asked.Cmd, "Cmd") }),
      Labels: containerLabels(confines, names),
      HostConfig: {
        NetworkMode: confines.network,
        Mounts: [
          { Type: "volume", Source: names.home, Target: confines.home },
          { Type: "volume", Source: names.files, Target: "/run/datalab", ReadOnly: true },
        ],
        ReadonlyRootfs: true,
        Tmpfs: { "/tmp": `rw,nosuid,nodev,size=${confines.tmpBytes},mode=1777` },
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges:true"],
        Privileged: false,
        IpcMode: "private",
        Memory: memory,
        MemorySwap: memory,
        NanoCpus: milliCpu * 1_000_000,
        PidsLimit: confines.pids,
        RestartPolicy: { Name: "no" },
        AutoRemove: false,
        PublishAllPorts: false,
        LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
      },
      NetworkingConfig: { EndpointsConfig: { [confines.network]: { Aliases: [hostname] } } },
    },
  };
}

type Rule = (value: unknown) => boolean;
const any: Rule = () => true;

/**
 * Fields of the body that may be set, and to what. What is answered by the confines anyway may be asked for.
 */
const allowedAsked = ({ image, network, home }: Confines): Readonly<Record<string, Rule>> => ({
  Image: (value) => value === image,
  User: (value) => ["10001", uid].includes(String(value)),
  Volumes: (value) => isObject(value) && Object.keys(value).every((path) => path === home),
  NetworkingConfig: (value) =>
    isObject(value) &&
    Object.entries(value).every(
      ([key, inner]) =>
        isEmpty(inner) ||
        (key === "EndpointsConfig" &&
          isObject(inner) &&
          Object.keys(inner).every((name) => name === network)),
    ),
  HostConfig: any,
  Cmd: any,
  Env: any,
  // Ignored: they change nothing of what the container may do.
  ...Object.fromEntries(
    [
      "Hostname",
      "ExposedPorts",
      "Labels",
      "AttachStdin",
      "AttachStdout",
      "AttachStderr",
      "StdinOnce",
      "WorkingDir",
    ].map((name) => [name, any]),
  ),
});

const allowedHost = ({ network, home }: Confines, names: SpawnedNames): Readonly<Record<string, Rule>> => ({
  Binds: (value) =>
    Array.isArray(value) &&
    value.every((bind) => [`${names.home}:${home}`, `${names.home}:${home}:rw`].includes(String(bind))),
  NetworkMode: (value) => value === network,
  AutoRemove: any,
  ...Object.fromEntries(
    [
      "Memory",
      "MemorySwap",
      "MemoryReservation",
      "CpuQuota",
      "CpuPeriod",
      "CpuShares",
      "NanoCpus",
      "PidsLimit",
    ].map((name) => [name, (value: unknown) => typeof value === "number"]),
  ),
  ReadonlyRootfs: (value) => value === true,
  CapDrop: any,
  SecurityOpt: (value) =>
    Array.isArray(value) && value.every((option) => /^no-new-privileges(?:[:=]true)?$/.test(String(option))),
  Tmpfs: (value) => isObject(value) && Object.keys(value).every((path) => path === "/tmp"),
  RestartPolicy: (value) => isObject(value) && ["", "no"].includes(String(value.Name ?? "")),
  IpcMode: (value) => value === "private",
});

function check(given: Record<string, unknown>, rules: Readonly<Record<string, Rule>>, path: string): void {
  for (const [key, value] of Object.entries(given)) {
    if (isEmpty(value)) continue;
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (!rule?.(value)) throw new Refusal(`${path}${key} is not allowed to be ${show(value)}`);
  }
}

/** What Docker takes for not said. */
function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === "" || value === 0) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const numberOf = (value: unknown): number => (typeof value === "number" && value > 0 ? value : 0);
const limit = (asked: number, usual: number, max: number): number => Math.min(asked || usual, max);

function askedMilliCpu(host: Record<string, unknown>): number {
  const nano = numberOf(host.NanoCpus);
  if (nano > 0) return Math.max(1, Math.round(nano / 1_000_000));
  const quota = numberOf(host.CpuQuota);
  return quota > 0 ? Math.max(10, Math.round((quota / (numberOf(host.CpuPeriod) || 100_000)) * 1000)) : 0;
}

function strings(value: unknown, name: string): string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value;
  throw new Refusal(`${name} is not a list of strings`);
}

/** The variables that the hub asks for, as datalab-start reads them. */
function environmentFile(value: unknown): string {
  const variables = value === undefined || value === null ? [] : strings(value, "Env");
  if (variables.length > maxVariables) throw new Refusal(`Env has more than ${maxVariables} variables`);
  return envFile(
    variables.map((variable) => {
      const [, name, text = ""] = /^([A-Za-z_][A-Za-z0-9_]*)=([^\0]*)$/.exec(variable) ?? [];
      if (name === undefined) throw new Refusal("Env contains an entry that is not NAME=value");
      return [name, text];
    }),
  );
}

/** Values may be secrets: only their kind is told, but for short words. */
function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 80)}...`;
}
