import { Agent, type AgentOptions } from "node:https";
import { buildConnector, Agent as Dispatcher, fetch as fetchWith } from "undici";
import type { PlatformOutput } from "../../outputs/platform.ts";

/** How programs on this machine get to the names that a platform publishes: `kubernetes` of its output says it. */
export interface WayIn {
  /** `host:port` to connect to whatever the name; null: names are found in DNS. */
  readonly address: string | null;
  /** Certificate that vouches for the names, PEM; null: one of those that everybody knows. */
  readonly ca: string | null;
}

export type Fetch = typeof fetch;

export const wayInOf = ({ kubernetes }: PlatformOutput): WayIn | null => kubernetes ?? null;

/** `fetch` by this way. The request itself, its Host and the name in its TLS greeting stay the URL's. */
export function fetchBy(way: WayIn | null): Fetch {
  const dispatcher = dispatcherBy(way);
  if (!dispatcher) return fetch;
  return ((url: string, init: object = {}) => fetchWith(url, { ...init, dispatcher })) as unknown as Fetch;
}

/** The same for clients that take a dispatcher; undefined: nothing is special about this way. */
export function dispatcherBy(way: WayIn | null): Dispatcher | undefined {
  if (!isSpecial(way)) return undefined;
  // Websockets over HTTP/2 are refused by common controllers.
  const connect = buildConnector({ allowH2: false, ...(way.ca !== null && { ca: way.ca }) });
  return new Dispatcher({
    connect: (options, callback) =>
      connect({ ...options, ...placeOf(way), servername: options.servername || options.hostname }, callback),
  });
}

/** The same for clients that take an agent; undefined: nothing is special about this way. */
export function agentBy(way: WayIn | null): Agent | undefined {
  if (!isSpecial(way)) return undefined;
  return new AgentBy(way);
}

class AgentBy extends Agent {
  readonly #way: WayIn;

  constructor(way: WayIn) {
    super({ keepAlive: true, ...(way.ca !== null && { ca: way.ca }) });
    this.#way = way;
  }

  override createConnection(
    options: AgentOptions & { host?: string; hostname?: string; servername?: string },
    callback?: Parameters<Agent["createConnection"]>[1],
  ) {
    const { hostname, ...place } = placeOf(this.#way);
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

const isSpecial = (way: WayIn | null): way is WayIn =>
  way !== null && (way.address !== null || way.ca !== null);

function placeOf({ address }: WayIn): {
  readonly hostname?: string;
  readonly host?: string;
  readonly port?: string;
} {
  if (address === null) return {};
  const colon = address.lastIndexOf(":");
  const hostname = address.slice(0, colon);
  return { hostname, host: hostname, port: address.slice(colon + 1) };
}
