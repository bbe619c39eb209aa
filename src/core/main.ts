/**
 * The platform core, as it is deployed: `node core.mjs`. Environment: DATALAB_CORE_PORT (7070), DATALAB_CORE_ADDRESS
 * (0.0.0.0), DATALAB_CORE_FILES (/run/datalab), DATALAB_CORE_HOSTS (further Host names, comma-separated).
 */
import { services } from "../services/index.ts";
import { runCore } from "./run.ts";

await runCore(services);
