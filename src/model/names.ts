import { createHash } from "node:crypto";

/** RFC 1123 label, valid for Docker, Kubernetes and DNS. */
export const dnsLabel = /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const maxLength = 63;
/** The name of a stack: short enough for the names of what it is made of. */
export const stackPattern = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
/** The name of a secret that the environment brings, as `datalab secrets set` takes it. */
export const secretPattern = /^[a-z][a-z0-9-]{0,62}$/;

/**
 * A DNS-safe name of at most 63 characters. Deterministic; if the parts don't fit or contain other
 * characters, a hash is added, so that different parts never give the same name.
 */
export function joinName(...parts: readonly string[]): string {
  const plain = parts.join("-");
  if (dnsLabel.test(plain) && parts.every((part) => part !== "")) return plain;
  const hash = createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 8);
  const safe = plain
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, maxLength - hash.length - 1)
    .replace(/-+$/, "");
  return safe === "" ? `x-${hash}` : `${safe}-${hash}`;
}

/** The part `main` has the service's own name. */
export const workloadName = (service: string, part: string): string =>
  part === "main" ? service : joinName(service, part);

/** Names of a workload's replicas; the first has the workload's own name. */
export const replicaNames = (workload: string, replicas: number): string[] =>
  Array.from({ length: replicas }, (_, i) => (i === 0 ? workload : joinName(workload, String(i + 1))));

/** Name of the stack's network. */
export const stackName = (stack: string): string => joinName("datalab", stack);
export const instanceName = (stack: string, workload: string): string => joinName("datalab", stack, workload);
/** Prefix of the names of a stack's containers and volumes. */
export const instancePrefix = (stack: string): string => `${stackName(stack)}-`;
export const volumeName = (stack: string, workload: string, volume: string): string =>
  joinName("datalab", stack, workload, volume);

/** Labels on every object that the program creates, on every target. */
export const labelNames = {
  stack: "datalab.stack",
  /** Whose stack of this name it is. */
  installation: "datalab.installation",
  /** Where that installation was made. */
  origin: "datalab.origin",
  service: "datalab.service",
  workload: "datalab.workload",
  release: "datalab.release",
  oneShot: "datalab.oneshot",
  /** Hash of the files that a workload mounts. */
  files: "datalab.files",
  /**
   * `data` or `files`: objects that serve a workload; `spawned`: objects that a service has started itself.
   */
  role: "datalab.role",
} as const;

/**
 * Value of the role's label on containers that services start themselves, and on objects that only these use.
 */
export const spawnedRole = "spawned";
/** Its value on objects that carry a workload's files. */
export const filesRole = "files";

/**
 * What tells one installation of a stack from another of the same name: two checkouts may call their stacks
 * `dev` on one machine.
 */
export interface Installation {
  /** Random; on every object's label. */
  readonly id: string;
  /** Who made it, on which host and in which folder: `ann@laptop:/srv/lab`. */
  readonly origin: string;
}

/** The value of `datalab:installation` in a stack's file. */
export const installationText = ({ id, origin }: Installation): string => `${id} ${origin}`;

/** undefined: the text is no such value. */
export function parseInstallation(text: unknown): Installation | undefined {
  const [, id, origin] = typeof text === "string" ? (/^([0-9a-f]{16}) (\S.*)$/.exec(text) ?? []) : [];
  return id !== undefined && origin !== undefined ? { id, origin } : undefined;
}
