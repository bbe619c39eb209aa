import type { PlatformOutput } from "../outputs/platform.ts";
import type { Ran } from "./process.ts";
import type { ExecOptions } from "./targets.ts";

/** Folders of people that a workload makes for them, each a volume of its own. */
export interface Homes {
  readonly stack: string;
  readonly service: string;
  readonly workload: string;
  /** What the target calls the workload. */
  readonly instance: string;
  /** What the part calls those who work in them. */
  readonly key: string;
  /** Where one is mounted. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly storageClass: string | null;
}

/** Label of what opens a home beside the stack. */
export const homeRole = "backup";
/** What a call that was killed leaves ends by itself. */
export const openSeconds = 86_400;

/** What saving people's files asks of the place where the stack runs. */
export interface HomeHost {
  /** Whose there are, as the place writes their names. */
  list(homes: Homes): Promise<string[]>;
  /** Opens one, and makes it first as its service would where there is none. */
  open(homes: Homes, name: string): Promise<OpenVolume>;
}

/** A volume with something beside the stack that runs commands on it. */
export interface OpenVolume {
  /** Runs one of the workload's image, with the volume where it always is. */
  run(command: readonly string[], options?: ExecOptions): Promise<Ran>;
  close(): Promise<void>;
}

/** All homes that the services of a stack make. */
export const homesOf = ({ stack, services }: PlatformOutput): readonly Homes[] =>
  services.flatMap((service) =>
    service.workloads.flatMap(({ name, instance, homes = [] }) =>
      homes.map((each) => ({ ...each, stack, service: service.name, workload: name, instance })),
    ),
  );
