import { DatalabError, exit } from "../config/error.ts";
import type { Cluster } from "./kubernetes-api.ts";
import { paths } from "./kubernetes-objects.ts";
import { findScaled } from "./kubernetes-scale.ts";
import type { StoreHost } from "./store-host.ts";

/**
 * What is known of the object store in a cluster. An engine can't be run beside the stack there: moving the objects is
 * refused before anything is touched.
 */
export function kubernetesStoreHost(open: () => Cluster): StoreHost {
  const refuse = async (): Promise<never> => {
    throw new DatalabError("E_TARGET", "Objects are moved from one engine to another on Docker only.", {
      exitCode: exit.usage,
      hint: "In a cluster: bring up a second stack on the other engine and copy the buckets with any S3 client.",
    });
  };
  return {
    async environment(stack, workload) {
      const containers = (await findScaled(open(), stack, workload))?.spec.template?.spec?.containers;
      const env = containers?.flatMap((container) => container.env ?? []);
      return env && Object.fromEntries(env.map(({ name, value }) => [name, value]));
    },
    async hasVolume(_stack, workload, volume) {
      // A StatefulSet calls the claims of its first pod so.
      const name = `${volume}-${workload}-0`;
      return (await open().get(`${paths.claims(open().place.namespace)}/${name}`)) !== undefined;
    },
    async isRunning(stack, workload) {
      return ((await findScaled(open(), stack, workload))?.spec.replicas ?? 0) > 0;
    },
    onVolume: refuse,
    start: refuse,
    stopInstance: refuse,
    startInstance: refuse,
    removeSides: refuse,
  };
}
