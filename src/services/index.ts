import type { ServiceDefinition } from "../model/service.ts";
import { agent } from "./agent.ts";
import { alertmanager } from "./alertmanager.ts";
import { blackboxExporter } from "./blackbox-exporter.ts";
import { core } from "./core.ts";
import { dashboard } from "./dashboard.ts";
import { gateway } from "./gateway.ts";
import { grafana } from "./grafana.ts";
import { jupyterhub } from "./jupyterhub.ts";
import { logs } from "./logs.ts";
import { mlflow } from "./mlflow.ts";
import { nodeExporter } from "./node-exporter.ts";
import { objectStore } from "./object-store.ts";
import { postgres } from "./postgres.ts";
import { postgresExporter } from "./postgres-exporter.ts";
import { prefect } from "./prefect.ts";
import { prometheus } from "./prometheus.ts";
import { spark } from "./spark.ts";

/**
 * The registry: every service that the platform knows. A new one is a file beside this one, and a line here.
 */
export const services: readonly ServiceDefinition[] = [
  core,
  postgres,
  objectStore,
  prefect,
  spark,
  mlflow,
  jupyterhub,
  prometheus,
  alertmanager,
  nodeExporter,
  blackboxExporter,
  postgresExporter,
  logs,
  agent,
  dashboard,
  gateway,
  grafana,
];
