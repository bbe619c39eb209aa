import { DatalabError } from "../../errors.ts";
import type { PlatformModel } from "../../model/platform.ts";
import { render } from "../../model/refs.ts";
import { engineVariable } from "../../services/object-store/engine.ts";
import type { Host } from "../target.ts";

/**
 * Refuses to replace a running store by one that has none of its objects. The engine itself refuses to start
 * as well: this says it before anything is touched.
 */
export async function checkDataEngine(model: PlatformModel, host: Host): Promise<void> {
  for (const workload of model.services.flatMap((s) => s.workloads)) {
    const declared = workload.env[engineVariable];
    if (declared === undefined) continue;
    const wanted = render(declared, () => "");
    const deployed = (await host.stores.environment(model.stack, workload.name))?.[engineVariable];
    if (deployed === undefined || deployed === wanted) continue;
    const field = `services.${workload.service}.options.engine`;
    const message = `${field}: the objects of the stack ${model.stack} are in ${deployed}, but the configuration says ${wanted}.`;
    throw new DatalabError("E_STORE_ENGINE", message, {
      hint: `Nothing was changed. Change it back to ${deployed}, or move the objects: ./datalab data migrate-store --to ${wanted} --stack ${model.stack}`,
    });
  }
}
