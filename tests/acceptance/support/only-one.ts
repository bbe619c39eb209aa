import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What the files that use the cluster hold: they stop its controllers and drain its nodes. */
export const theCluster = "datalab-acceptance-cluster";

/**
 * Holds a name on this machine for as long as the process lives, so that two runs of the acceptance tests,
 * whose stack is the same, come one after the other. The kernel takes the name back however the process ends.
 */
export async function onlyOne(name: string): Promise<() => void> {
  for (let tries = 0; ; tries++) {
    const server = createServer();
    const held = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(`\0${name}`, () => resolve(true));
    });
    if (held) {
      server.unref();
      return () => server.close();
    }
    if (tries % 30 === 0)
      console.error(`another run of the acceptance tests is under way: waiting for its end`);
    await sleep(1000);
  }
}
