import type { Container, Containers } from "./containers.ts";
import type { Line } from "./lines.ts";

/**
 * What runs the stack's containers, as the agent sees it: which there are, what they write, what they use.
 * Docker's API and Kubernetes' answer it.
 */
export interface ContainerSource {
  /** What it is called in sentences. */
  readonly name: string;
  readonly containers: Containers;
  /** Keeps `containers` up to date until the signal aborts, whatever happens to the other side. */
  run(signal: AbortSignal): Promise<void>;
  /**
   * The pieces that a container's log is in now, the oldest first; the last one goes on while the container
   * runs. Asked again whenever it starts again.
   */
  log(container: Container): readonly LogPiece[];
  /** How long after a container has started again `containers` may still say that it has not. */
  readonly lagMs: number;
  /** What running containers use, by id. */
  usage(): Promise<ReadonlyMap<string, Usage>>;
  /** Whether use could be measured when it was asked for last. */
  readonly measures: boolean;
  /** Size and labels by volume name, as measured last; empty where nobody tells. */
  volumes(): ReadonlyMap<string, VolumeSize>;
}

/**
 * Lines from a time on (0n: from the beginning), in the order they were written, until the log ends or the
 * signal aborts. Some that are a little older may come as well. Throws LogGone when there is no such log any
 * more.
 */
export type LogPiece = (from: bigint, signal: AbortSignal) => AsyncIterable<readonly Line[]>;

/** The container is no more, and its log with it. */
export class LogGone extends Error {}

/** What a running container uses; what is undefined is not measured there. */
export interface Usage {
  readonly cpuSeconds: number;
  readonly workingSetBytes: number;
  readonly limitBytes?: number;
  readonly receivedBytes?: number;
  readonly sentBytes?: number;
  readonly readBytes?: number;
  readonly writtenBytes?: number;
  readonly processes?: number;
}

export interface VolumeSize {
  readonly bytes: number;
  readonly labels: Readonly<Record<string, string>>;
}
