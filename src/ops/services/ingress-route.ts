import { Agent, type AgentOptions } from "node:https";
import { buildConnector, Agent as Dispatcher, fetch as fetchWith } from "undici";
import type { PlatformOutput } from "../../outputs/platform.ts";

/**
 * How programs on this machine get to the names that a platform publishes: `kubernetes` of its output says
 * it.
 */
export interface IngressRoute {
  /** `host:port` to connect to whatever the name; null: names are found in DNS. */
  readonly address: string | null;
  /** Certificate that vouches for the names, PEM; null: one of those that everybody knows. */
  readonly ca: string | null;
}

export type Fetch = typeof fetch;

export const ingressRouteOf = ({ kubernetes }: PlatformOutput): IngressRoute | null => kubernetes ?? null;

/** `fetch` by this route. The request itself, its Host and the name in its TLS greeting stay the URL's. */
export function fetchVia(route: IngressRoute | null): Fetch {
  const dispatcher = dispatcherFor(route);
  if (!dispatcher) return fetch;
  return ((url: string, init: object = {}) => fetchWith(url, { ...init, dispatcher })) as unknown as Fetch;
}

/** The same for clients that take a dispatcher; undefined: nothing is special about this route. */
export function dispatcherFor(route: IngressRoute | null): Dispatcher | undefined {
  if (!isSpecial(route)) return undefined;
  // Websockets over HTTP/2 are refused by common controllers.
  const connect = buildConnector({ allowH2: false, ...(route.ca !== null && { ca: route.ca }) });
  return new Dispatcher({
    connect: (options, callback) =>
      connect(
        { ...options, ...connectAddress(route), servername: options.servername || options.hostname },
        callback,
      ),
  });
}

/** The same for clients that take an agent; undefined: nothing is special about this route. */
export function agentFor(route: IngressRoute | null): Agent | undefined {
  if (!isSpecial(route)) return undefined;
  return new RouteAgent(route);
}

class RouteAgent extends Agent {
  readonly #route: IngressRoute;

  constructor(route: IngressRoute) {
    super({ keepAlive: true, ...(route.ca !== null && { ca: route.ca }) });
    this.#route = route;
  }

  override createConnection(
    options: AgentOptions & { host?: string; hostname?: string; servername?: string },
    callback?: Parameters<Agent["createConnection"]>[1],
  ) {
    const { hostname, ...place } = connectAddress(this.#route);
    const servername = options.servername || options.host || options.hostname;
    return super.createConnection(
      {
        ...options,
        ...(hostname !== undefined && { host: hostname, hostname, ...place }),
        servername,
      } as never,
      callback,
    );
  }
}

const isSpecial = (route: IngressRoute | null): route is IngressRoute =>
  route !== null && (route.address !== null || route.ca !== null);

function connectAddress({ address }: IngressRoute): {
  readonly hostname?: string;
  readonly host?: string;
  readonly port?: string;
} {
  if (address === null) return {};
  const colon = address.lastIndexOf(":");
  const hostname = address.slice(0, colon);
  return { hostname, host: hostname, port: address.slice(colon + 1) };
}
