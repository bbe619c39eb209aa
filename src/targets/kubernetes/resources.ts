/** What a container asks for and may take, in Kubernetes' own words. */

export interface Size {
  readonly milliCpu: number;
  readonly memoryBytes: number;
  /** What it may write to its node's disk, beyond its volumes. @default 1 GiB */
  readonly diskBytes?: number;
}

export type Amounts = {
  readonly cpu: string;
  readonly memory: string;
  readonly "ephemeral-storage": string;
};

const mebibyte = 2 ** 20;
/** Logs and what else a node keeps of a container whose root is read-only. */
const disk = { request: "64Mi", limit: 2 ** 30 } as const;

export const cpu = (milli: number): string => (milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`);
export const mebibytes = (bytes: number): string => {
  const size = Math.ceil(bytes / mebibyte);
  return size % 1024 === 0 ? `${size / 1024}Gi` : `${size}Mi`;
};

/**
 * How much CPU a container may take: four times its share, and a whole core at least, so that starts are
 * quick.
 */
export const cpuLimit = (milliCpu: number): number => Math.max(1000, 4 * milliCpu);
/** What the scheduler counts: the share, divided by how often a core may be promised. */
export const cpuRequest = (milliCpu: number, overcommit: number): number =>
  Math.max(10, Math.round(milliCpu / overcommit));

/** Memory is never promised twice: the request is the limit. */
export function amounts(size: Size, cpuOvercommit: number): { requests: Amounts; limits: Amounts } {
  const memory = mebibytes(size.memoryBytes);
  return {
    requests: {
      cpu: cpu(cpuRequest(size.milliCpu, cpuOvercommit)),
      memory,
      "ephemeral-storage": disk.request,
    },
    limits: {
      cpu: cpu(cpuLimit(size.milliCpu)),
      memory,
      "ephemeral-storage": mebibytes(size.diskBytes ?? disk.limit),
    },
  };
}
