/** Which code serves which target: one record each, loaded when it is asked for. */
import type { DeploymentTarget, PlatformModel } from "../model/platform.ts";
import type { PlatformOutput } from "../outputs/platform.ts";
import type { LockPlace } from "./shared-lock.ts";
import type { FetchOptions, Host, Runtime, TargetOperations, Timeouts } from "./target.ts";

const docker: TargetOperations = {
  host: async () => (await import("./docker/host.ts")).dockerHost,
  runtime: async () => (await import("./docker/runtime.ts")).dockerRuntime,
  lock: async ({ stack }) => (await import("./docker/lock.ts")).dockerLock(stack),
  drift: async (stack, state) => (await import("./docker/drift.ts")).dockerDrift(stack, state),
  fetchImages: async (model, options) =>
    (await import("./docker/registry-images.ts")).fetchRegistryImages(model, options),
};

const kubernetes: TargetOperations = {
  host: async (target, timeouts) => (await import("./kubernetes/host.ts")).kubernetesHost(target, timeouts),
  runtime: async (platform) => (await import("./kubernetes/runtime.ts")).kubernetesRuntime(platform),
  lock: async (target) => (await import("./kubernetes/host.ts")).lockInCluster(target),
  drift: async (stack, state, host) =>
    (await import("./kubernetes/drift.ts")).kubernetesDrift(stack, state, host),
};

const targets: Readonly<Record<PlatformModel["target"], TargetOperations>> = {
  docker,
  kubernetes,
  aws: kubernetes,
};

/** How a stack is brought up and taken down where it runs. */
export const hostOf = (target: DeploymentTarget, timeouts: Timeouts = {}): Promise<Host> =>
  targets[target.target].host(target, timeouts);

/** How to reach into the platform where it runs. */
export const runtimeOf = (platform: PlatformOutput): Promise<Runtime> =>
  targets[platform.target].runtime(platform);

/** Where all who reach a stack agree on who changes it; undefined: the place is not there yet. */
export const lockPlaceOf = (target: DeploymentTarget): Promise<LockPlace | undefined> =>
  targets[target.target].lock(target);

/** What of a stack differs on its target from what its state says, beyond what the engine's refresh sees. */
export const driftOf = (target: DeploymentTarget, ...args: Parameters<TargetOperations["drift"]>) =>
  targets[target.target].drift(...args);

/** Fetches the images of a stack that takes them from a registry. */
export async function fetchImages(model: PlatformModel, options: FetchOptions): Promise<void> {
  if (model.images.source === "registry") await targets[model.target].fetchImages?.(model, options);
}
