import type { PlatformModel } from "../../model/platform.ts";
import { formatBytes } from "../../model/units.ts";
import type { ReleaseRecord } from "./record.ts";

export interface Amount {
  /** null: not known, no release is recorded. */
  readonly before: number | null;
  readonly after: number;
}

/** What a stack asks of the place where it runs, before and after a change. */
export interface CapacityChange {
  readonly memoryBytes: Amount;
  readonly milliCpu: Amount;
  readonly storageBytes: Amount;
}

export function capacityOf(model: PlatformModel): ReleaseRecord["capacity"] {
  const workloads = model.services.flatMap((s) => s.workloads);
  return Object.fromEntries(
    workloads.map((w) => [
      w.name,
      {
        memoryBytes: w.memoryBytes * w.replicas,
        milliCpu: w.milliCpu * w.replicas,
        storageBytes: w.volumes.reduce((sum, v) => sum + v.sizeBytes, 0),
      },
    ]),
  );
}

export function capacityChange(
  before: ReleaseRecord["capacity"] | undefined,
  after: ReleaseRecord["capacity"],
): CapacityChange {
  const amount = (key: keyof ReleaseRecord["capacity"][string]): Amount => {
    const sum = (all: ReleaseRecord["capacity"]) =>
      Object.values(all).reduce((total, one) => total + one[key], 0);
    return { before: before ? sum(before) : null, after: sum(after) };
  };
  return {
    memoryBytes: amount("memoryBytes"),
    milliCpu: amount("milliCpu"),
    storageBytes: amount("storageBytes"),
  };
}

export interface CapacityLine {
  readonly what: string;
  readonly before: string;
  readonly after: string;
  readonly change: string;
}

/** Memory, cores and storage for people. */
export function capacityLines({ memoryBytes, milliCpu, storageBytes }: CapacityChange): CapacityLine[] {
  const cores = (milli: number) => `${milli / 1000} cores`;
  const line = (what: string, { before, after }: Amount, text: (n: number) => string): CapacityLine => ({
    what,
    before: before === null ? "unknown" : text(before),
    after: text(after),
    change:
      before === null || before === after
        ? ""
        : `${after > before ? "+" : "−"}${text(Math.abs(after - before))}`,
  });
  return [
    line("memory", memoryBytes, formatBytes),
    line("processors", milliCpu, cores),
    line("storage", storageBytes, formatBytes),
  ];
}
