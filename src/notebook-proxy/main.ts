/**
 * The notebooks' proxy, as it is deployed: `node notebook-proxy.mjs`. Environment: DATALAB_HUB (the hub's
 * address), CONFIGPROXY_AUTH_TOKEN, DATALAB_PROXY_ADDRESS (0.0.0.0), DATALAB_PROXY_PORT (8000),
 * DATALAB_PROXY_API_PORT (8001).
 */
import { startNotebookProxy } from "./proxy.ts";

const { env } = process;
for (const name of ["DATALAB_HUB", "CONFIGPROXY_AUTH_TOKEN"]) {
  if (!env[name]) {
    console.error(`✖ ${name} is not set`);
    process.exit(2);
  }
}
await startNotebookProxy({
  hub: env.DATALAB_HUB ?? "",
  token: env.CONFIGPROXY_AUTH_TOKEN ?? "",
  address: env.DATALAB_PROXY_ADDRESS ?? "0.0.0.0",
  port: Number(env.DATALAB_PROXY_PORT ?? 8000),
  apiPort: Number(env.DATALAB_PROXY_API_PORT ?? 8001),
});
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  // Websockets of open notebooks never end by themselves: pages connect again.
  process.once(signal, () => process.exit(0));
}
