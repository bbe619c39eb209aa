import type { Container, Containers } from "../containers.ts";
import type { Usage, VolumeSize } from "../source.ts";
import type { DockerApi } from "./api.ts";

interface DockerStats {
  readonly cpu_stats?: { readonly cpu_usage?: { readonly total_usage?: number } };
  readonly memory_stats?: {
    readonly usage?: number;
    readonly limit?: number;
    readonly stats?: { readonly total_inactive_file?: number; readonly inactive_file?: number };
  };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>;
  readonly blkio_stats?: {
    readonly io_service_bytes_recursive?: readonly { readonly op: string; readonly value: number }[] | null;
  };
  readonly pids_stats?: { readonly current?: number };
}

/** However often it is asked, Docker is not asked more often than this. */
const cacheMs = 4_000;
const volumesMs = 300_000;
const atOnce = 3;

/** Measures containers when somebody wants to know, and volumes now and then. */
export class ContainerStats {
  readonly #docker: DockerApi;
  readonly #containers: Containers;
  #usage: ReadonlyMap<string, Usage> = new Map();
  #at = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;
  #volumes: ReadonlyMap<string, VolumeSize> = new Map();
  #volumesAt = Number.NEGATIVE_INFINITY;
  #volumesRunning = false;

  constructor(docker: DockerApi, containers: Containers) {
    this.#docker = docker;
    this.#containers = containers;
  }

  /** By container id. */
  async usage(): Promise<ReadonlyMap<string, Usage>> {
    if (performance.now() - this.#at > cacheMs) {
      this.#running ??= this.#measure().finally(() => {
        this.#running = undefined;
      });
      await this.#running;
    }
    return this.#usage;
  }

  /**
   * Size and labels by volume name, as measured last. Docker walks through all files for it, so that is rare.
   */
  volumes(): ReadonlyMap<string, VolumeSize> {
    if (performance.now() - this.#volumesAt > volumesMs && !this.#volumesRunning) {
      this.#volumesRunning = true;
      void this.#measureVolumes().finally(() => {
        this.#volumesRunning = false;
        this.#volumesAt = performance.now();
      });
    }
    return this.#volumes;
  }

  async #measure(): Promise<void> {
    const wanted = this.#containers.all.filter(({ running }) => running);
    const found = new Map<string, Usage>();
    const work = async () => {
      for (let next = wanted.pop(); next; next = wanted.pop()) {
        const usage = await this.#one(next).catch(() => undefined);
        if (usage) found.set(next.id, usage);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    this.#usage = found;
    this.#at = performance.now();
  }

  async #one({ id }: Container): Promise<Usage> {
    const path = `/containers/${id}/stats?stream=false&one-shot=true`;
    return toUsage(await this.#docker.json<DockerStats>("GET", path));
  }

  async #measureVolumes(): Promise<void> {
    interface Found {
      readonly Name: string;
      readonly Labels: Readonly<Record<string, string>> | null;
      readonly UsageData?: { readonly Size: number } | null;
    }
    const answer = await this.#docker
      .json<{ Volumes: readonly Found[] | null }>("GET", "/system/df?type=volume")
      .catch(() => undefined);
    if (!answer) return;
    this.#volumes = new Map(
      (answer.Volumes ?? [])
        .filter(({ UsageData }) => UsageData && UsageData.Size >= 0)
        .map(({ Name, Labels, UsageData }) => [Name, { bytes: UsageData?.Size ?? 0, labels: Labels ?? {} }]),
    );
  }
}

/** The figures of both cgroup versions under one name. */
export function toUsage(stats: DockerStats): Usage {
  const memory = stats.memory_stats ?? {};
  // What the kernel can drop at any time is no use of memory.
  const inactive = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0;
  const networks = Object.values(stats.networks ?? {});
  const io = stats.blkio_stats?.io_service_bytes_recursive ?? [];
  const bytes = (op: string) =>
    io.filter((each) => each.op.toLowerCase() === op).reduce((sum, { value }) => sum + value, 0);
  return {
    cpuSeconds: (stats.cpu_stats?.cpu_usage?.total_usage ?? 0) / 1e9,
    workingSetBytes: Math.max(0, (memory.usage ?? 0) - inactive),
    limitBytes: memory.limit ?? 0,
    receivedBytes: networks.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0),
    sentBytes: networks.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0),
    readBytes: bytes("read"),
    writtenBytes: bytes("write"),
    processes: stats.pids_stats?.current ?? 0,
  };
}
