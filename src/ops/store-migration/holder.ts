import { DatalabError } from "../../errors.ts";
import type { WorkloadModel } from "../../model/platform.ts";
import { holderFile, printHolder } from "../../services/object-store/engine.ts";
import type { EngineName } from "../../services/object-store.ts";
import { engineNames } from "../object-store/engines.ts";
import type { StoreHost } from "../store-host.ts";

const volumeOf = (workload: WorkloadModel) => {
  const volume = workload.volumes.find(({ path }) => holderFile.startsWith(`${path}/`));
  if (!volume) throw new Error(`${workload.name} has no volume that says which engine holds its objects`);
  return volume;
};

/** The engine that holds a stack's objects: what its own volume says, whatever the configuration does. */
export async function holderOf(
  stores: StoreHost,
  stack: string,
  workload: WorkloadModel,
  image: string,
): Promise<EngineName> {
  const volume = volumeOf(workload);
  const said = (await stores.hasVolume(stack, workload.name, volume.name))
    ? (await stores.onVolume({ stack, workload, image }, volume, printHolder)).trim()
    : "";
  const name = engineNames.find((each) => each === said);
  if (name) return name;
  throw new DatalabError("E_NO_OBJECTS", `The stack ${stack} has no objects to move.`, {
    hint: "On a new stack, set the engine in its configuration and run ./datalab up.",
  });
}

/** The point of no return, and of return: one file renamed into place. */
export async function setHolder(
  stores: StoreHost,
  stack: string,
  workload: WorkloadModel,
  image: string,
  engine: EngineName,
): Promise<void> {
  const script = `set -eu\necho ${engine} >${holderFile}.new\nsync ${holderFile}.new\nmv ${holderFile}.new ${holderFile}\n`;
  await stores.onVolume({ stack, workload, image }, volumeOf(workload), script);
}
