/** What is used here of Jupyter's proxy, which brings no types. */
declare module "configurable-http-proxy" {
  import type { Server } from "node:http";

  export interface ProxyOptions {
    readonly authToken: string;
    readonly defaultTarget: string;
    /** Asked for `/STATUS?url=PATH` when a target does not answer. */
    readonly errorTarget: string;
    /** Whether X-Forwarded headers are added. */
    readonly xfwd: boolean;
    readonly includePrefix: boolean;
    readonly prependPath: boolean;
    readonly log?: Readonly<Record<"debug" | "info" | "warn" | "error", (...words: unknown[]) => void>>;
  }

  export class ConfigurableProxy {
    readonly proxyServer: Server;
    readonly apiServer: Server;
    constructor(options: ProxyOptions);
  }
}
