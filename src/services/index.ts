import type { ServiceDefinition } from "../model/service.ts";
import { core } from "./core.ts";
import { objectStore } from "./object-store.ts";
import { postgres } from "./postgres.ts";
import { prefect } from "./prefect.ts";

/** The registry: every service that the platform knows. A new one is a file beside this one, and a line here. */
export const services: readonly ServiceDefinition[] = [core, postgres, objectStore, prefect];
