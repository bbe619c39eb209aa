import { DatalabError } from "../errors.ts";
import type { PlatformModel } from "../model/platform.ts";
import type { Target } from "./target.ts";

/** Loads one target only, so that a stack never pays for another's SDK. */
const loaders: Partial<Record<PlatformModel["target"], () => Promise<Target>>> = {
  docker: async () => (await import("./docker/index.ts")).dockerTarget,
  aws: async () => (await import("./aws/index.ts")).awsTarget,
  kubernetes: async () => (await import("./kubernetes/index.ts")).kubernetesTarget,
};

export async function loadTarget(name: PlatformModel["target"]): Promise<Target> {
  const load = loaders[name];
  if (!load) {
    throw new DatalabError("E_TARGET", `The target ${name} is not implemented yet.`, {
      hint: `Targets of this version: ${Object.keys(loaders).join(", ")}. Its configuration can be validated already.`,
    });
  }
  return load();
}
