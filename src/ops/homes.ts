import { DatalabError } from "../errors.ts";
import type { PlatformOutput } from "../outputs/platform.ts";
import type { Homes } from "./target.ts";

/** Label of what opens a home beside the stack. */
export const homeRole = "backup";
/** What a call that was killed leaves ends by itself. */
export const openSeconds = 86_400;

/** Somebody has removed it since it was listed. */
export const homeGone = (name: string): DatalabError =>
  new DatalabError("E_HOME_GONE", `The home of ${name} is no longer there.`);

/** All homes that the services of a stack make. */
export const homesOf = ({ stack, services }: PlatformOutput): readonly Homes[] =>
  services.flatMap((service) =>
    service.workloads.flatMap(({ name, instance, homes = [] }) =>
      homes.map((each) => ({ ...each, stack, service: service.name, workload: name, instance })),
    ),
  );
