/**
 * The proxy in front of the hub and of all notebooks: Jupyter's configurable-http-proxy, which passes bodies
 * and websockets on as they come. It keeps its routes in memory; after a start it asks the hub for them.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { ConfigurableProxy } from "configurable-http-proxy";

export interface NotebookProxySettings {
  /** The hub's address, without a slash at its end. */
  readonly hub: string;
  /** What the hub says to the proxy, and the proxy to the hub. */
  readonly token: string;
  readonly address: string;
  readonly port: number;
  readonly apiPort: number;
}

const log = {
  debug() {},
  info() {},
  // The platform's probe, which has no token, would be one every few seconds.
  warn() {},
  /** A line, without the stack of an error. */
  error(text: unknown, ...words: unknown[]) {
    console.error(text, ...words.map((word) => (word instanceof Error ? word.message : word)));
  },
};

/** Milliseconds until the hub is asked again: one that is not there yet, one that has refused. */
const pace = { absent: 1000, refused: 5000 } as const;

/** Starts the proxy; ends when both ports are open. The hub may come later. */
export async function startNotebookProxy(settings: NotebookProxySettings): Promise<void> {
  const { hub, token, address, port, apiPort } = settings;
  const proxy = new ConfigurableProxy({
    authToken: token,
    defaultTarget: hub,
    errorTarget: `${hub}/hub/error`,
    // It would add its own X-Forwarded-Proto, http, to the gateway's, and the hub would believe it.
    xfwd: false,
    includePrefix: true,
    prependPath: true,
    log,
  });
  // Node's own limit is five minutes for a whole request: an upload may take longer.
  proxy.proxyServer.requestTimeout = 0;
  proxy.proxyServer.listen(port, address);
  proxy.apiServer.listen(apiPort, address);
  await Promise.all([once(proxy.proxyServer, "listening"), once(proxy.apiServer, "listening")]);
  void askForRoutes(hub, token);
}

/** Until the hub has compared the proxy's routes with its notebooks, and sent those that are missing. */
async function askForRoutes(hub: string, token: string): Promise<void> {
  let said = "";
  for (;;) {
    const answer = await fetch(`${hub}/hub/api/proxy`, {
      method: "POST",
      headers: { authorization: `token ${token}` },
      signal: AbortSignal.timeout(60_000),
    }).catch(() => undefined);
    if (answer?.ok) return;
    // A hub that starts does the same by itself.
    const status = answer === undefined ? "" : `the hub answered ${answer.status} to the question for routes`;
    if (status !== "" && status !== said) console.error(status);
    said = status;
    await sleep(answer === undefined ? pace.absent : pace.refused);
  }
}
