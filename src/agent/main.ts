/**
 * The agent, as it is deployed: `node agent.mjs`. Environment: DATALAB_AGENT_FILES (/run/datalab),
 * DATALAB_AGENT_SOCKET (/var/run/docker.sock), DATALAB_AGENT_ACCOUNT
 * (/var/run/secrets/kubernetes.io/serviceaccount), DATALAB_AGENT_ADDRESS (0.0.0.0), DATALAB_AGENT_PORT
 * (7080), DATALAB_AGENT_DOOR_PORT (2375).
 */
import { startAgent } from "./agent.ts";
import { inCluster } from "./kubernetes/api.ts";

const env = process.env;
const agent = await startAgent({
  directory: env.DATALAB_AGENT_FILES ?? "/run/datalab",
  socket: env.DATALAB_AGENT_SOCKET ?? "/var/run/docker.sock",
  cluster: () => inCluster(env, env.DATALAB_AGENT_ACCOUNT ?? "/var/run/secrets/kubernetes.io/serviceaccount"),
  address: env.DATALAB_AGENT_ADDRESS ?? "0.0.0.0",
  port: Number(env.DATALAB_AGENT_PORT ?? 7080),
  proxyPort: Number(env.DATALAB_AGENT_DOOR_PORT ?? 2375),
});
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => void agent.stop().then(() => process.exit(0)));
}
