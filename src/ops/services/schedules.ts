import type { PlatformOutput } from "../../outputs/platform.ts";
import { credentialsOf, readMaster } from "./credentials.ts";
import { isPaused, registeredPipeline } from "./pipelines.ts";
import { type PrefectClient, prefectOf } from "./prefect-client.ts";

/** `datalab pipelines pause --json` and `resume --json`. */
export interface PauseResult {
  readonly name: string;
  readonly paused: boolean;
  /** Whether it was not so before. */
  readonly changed: boolean;
}

/** Pauses a pipeline's schedule or resumes it, until the `paused` of its declaration changes. */
export async function pausePipeline(
  platform: PlatformOutput,
  prefect: PrefectClient,
  name: string,
  paused: boolean,
): Promise<PauseResult> {
  const deployment = await registeredPipeline(platform, prefect, name);
  const changed = isPaused(deployment) !== paused;
  if (deployment.paused !== paused) await prefect.pauseDeployment(deployment.id, paused);
  // Prefect's own page can also switch off a schedule alone.
  const off = paused ? [] : (deployment.schedules ?? []).filter(({ active }) => !active);
  for (const { id } of off) await prefect.activateSchedule(deployment.id, id);
  return { name, paused, changed };
}

/** A pipeline whose schedule was paused or resumed by hand. */
export interface HandSet {
  readonly name: string;
  readonly paused: boolean;
}

/** Pipelines with a schedule whose pause in Prefect is not the declared one, as a person has set it. */
export async function setByHand(
  platform: PlatformOutput,
  prefect: PrefectClient,
): Promise<readonly HandSet[]> {
  const found = await Promise.all(
    platform.pipelines.map(async ({ name, paused }) => {
      const deployment = await prefect.deployment(name);
      if (!deployment?.schedules?.length || isPaused(deployment) === paused) return [];
      return [{ name, paused: !paused }];
    }),
  );
  return found.flat();
}

/** Reads the same of a stack at the end of an up, and what it needs for it while the up still waits. */
export function handSetReader(project: string, stack: string) {
  let master: Promise<string> | undefined;
  const prepare = async () => {
    master ??= readMaster(project, stack);
    master.catch(() => {});
  };
  return {
    prepare,
    /** None where there is no Prefect, or it can't be asked now: the up itself was successful. */
    async read(platform: PlatformOutput): Promise<readonly HandSet[]> {
      if (platform.pipelines.length === 0) return [];
      try {
        await prepare();
        const credentials = credentialsOf(platform, (await master) ?? "");
        return await setByHand(platform, prefectOf(platform, credentials));
      } catch {
        return [];
      }
    },
  };
}

/** `ticker: its schedule stays paused (paused by hand); resume it with ...`. */
export function handSetText({ name, paused }: HandSet, stack: string): string {
  const option = stack === "dev" ? "" : ` --stack ${stack}`;
  return paused
    ? `${name}: its schedule stays paused (paused by hand); resume it with ./datalab pipelines resume ${name}${option}`
    : `${name}: its schedule stays active (resumed by hand, its definition says paused: true); pause it with ./datalab pipelines pause ${name}${option}`;
}
