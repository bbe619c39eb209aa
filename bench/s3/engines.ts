/**
 * Starts an object store engine as the platform starts it, on volumes of its own, for as long as something is
 * measured.
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { loadEnvironment } from "../../src/config/load.ts";
import { instanceName, labelNames } from "../../src/model/names.ts";
import { dockerRun } from "../../src/ops/docker/cli.ts";
import { dockerStoreHost } from "../../src/ops/docker/store.ts";
import { storeInstance, storeWith } from "../../src/ops/object-store/engines.ts";
import { services } from "../../src/services/index.ts";
import type { EngineName } from "../../src/services/object-store.ts";

const stackOf = (engine: EngineName) => `bench-s3-${engine}`;
const project = resolve(import.meta.dirname, "../..");
const secretOf = (id: string) => createHash("sha256").update(`bench ${id}`).digest("hex").slice(0, 40);

export const container = (engine: EngineName): string =>
  instanceName(stackOf(engine), `object-store-migration-${engine}`);
export const secretKey = secretOf("object-store/admin");

/** Nothing is left of the engine when it resolves. */
export async function withEngine<T>(
  engine: EngineName,
  use: (at: { url: string; readySeconds: number }) => Promise<T>,
): Promise<T> {
  const stack = stackOf(engine);
  await removeAll(stack);
  const store = storeWith(loadEnvironment(project, stack, services), engine);
  const started = performance.now();
  const side = await dockerStoreHost.start(storeInstance(store, engine, secretOf));
  try {
    return await use({ url: side.url, readySeconds: (performance.now() - started) / 1000 });
  } finally {
    await side.stop();
    await removeAll(stack);
  }
}

async function removeAll(stack: string): Promise<void> {
  await dockerStoreHost.removeInstances(stack);
  const filter = ["--filter", `label=${labelNames.stack}=${stack}`];
  const { stdout } = await dockerRun(["volume", "ls", "--quiet", ...filter]);
  const volumes = stdout.split("\n").filter((line) => line !== "");
  if (volumes.length > 0) await dockerRun(["volume", "rm", ...volumes]);
}
