/**
 * The platform core, as it is deployed: `node core.mjs`; with a command, `node core.mjs backup TIME`, beside
 * it. Environment: DATALAB_CORE_PORT (7070), DATALAB_CORE_ADDRESS (0.0.0.0), DATALAB_CORE_FILES
 * (/run/datalab), DATALAB_CORE_HOSTS (further Host names, comma-separated).
 */
import { services } from "../services/index.ts";
import { runCommand, runCore } from "./run.ts";

const command = process.argv.slice(2);
await (command.length === 0 ? runCore(services) : runCommand(command));
