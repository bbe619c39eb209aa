import type { ServiceDefinition } from "../model/service.ts";
import { describe } from "./mask.ts";
import { type Core, startCore } from "./start.ts";
import { tellBackup } from "./tell-backup.ts";

/** Exit code for a configuration that can't be used (sysexits.h EX_CONFIG). */
const badConfiguration = 78;

/** Runs the core as this process: configured by the environment, stopped by SIGTERM or SIGINT. */
export async function runCore(services: readonly ServiceDefinition[], env = process.env): Promise<void> {
  let core: Core;
  try {
    core = await startCore({
      services,
      directory: filesOf(env),
      port: portOf(env.DATALAB_CORE_PORT),
      address: env.DATALAB_CORE_ADDRESS ?? "0.0.0.0",
      hosts: (env.DATALAB_CORE_HOSTS ?? "")
        .split(",")
        .map((name) => name.replace(/:\d+$/, ""))
        .filter((name) => name !== ""),
    });
  } catch (error) {
    console.error(`The core can't start: ${describe(error)}`);
    process.exitCode = badConfiguration;
    return;
  }
  // A client library that fails outside of any check's promise must not take the other checks with it.
  const survive = (kind: string) => (error: unknown) => core.log(`${kind} in a check: ${describe(error)}`);
  process.on("uncaughtException", survive("Uncaught error"));
  process.on("unhandledRejection", survive("Unhandled rejection"));
  const stop = () => {
    // Whatever a check still holds open must not delay the end.
    setTimeout(() => process.exit(0), 800).unref();
    void core.stop().finally(() => process.exit(0));
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

/** Does what a command says to the core that runs already: `backup TIME`, of one that was read back whole. */
export async function runCommand([word, ...rest]: readonly string[], env = process.env): Promise<void> {
  try {
    if (word !== "backup" || rest.length !== 1)
      throw new Error(`expected backup TIME, received ${[word, ...rest].join(" ")}`);
    await tellBackup(rest[0] as string, filesOf(env), portOf(env.DATALAB_CORE_PORT));
  } catch (error) {
    console.error(describe(error));
    process.exitCode = 1;
  }
}

const filesOf = (env: NodeJS.ProcessEnv): string => env.DATALAB_CORE_FILES ?? "/run/datalab";

function portOf(text: string | undefined): number {
  const port = Number(text ?? 7070);
  if (Number.isInteger(port) && port >= 0 && port < 65536) return port;
  throw new Error(`DATALAB_CORE_PORT: expected a port number, received ${JSON.stringify(text)}`);
}
