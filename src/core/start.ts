import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { isLogin } from "../model/basic-auth.ts";
import { instanceName } from "../model/names.ts";
import type { ServiceDefinition } from "../model/service.ts";
import { AlertLog } from "./alerts.ts";
import { Check } from "./check.ts";
import { Collector } from "./collector.ts";
import { type CoreFiles, readCoreFiles } from "./files.ts";
import { health, type State, serviceHealth } from "./health.ts";
import { LastBackup } from "./last-backup.ts";
import { masker, secretValues } from "./mask.ts";
import { createMetrics } from "./metrics.ts";
import { measureOf, probeOf } from "./probe.ts";
import { type Answer, createHttpServer, failure, type Request } from "./server.ts";

/** Most bytes of one notification: hundreds of alerts at once. */
const alertsLimit = 2 ** 20;

export interface CoreOptions {
  /** Whose check functions can be run. */
  readonly services: readonly ServiceDefinition[];
  /** Directory of registry.json and checks.json. */
  readonly directory: string;
  readonly port: number;
  readonly address: string;
  /** Names besides its own that a Host header may carry. */
  readonly hosts?: readonly string[];
  readonly log?: (line: string) => void;
  /** Told one line of JSON per change of an alert. @default standard output */
  readonly onAlert?: (line: string) => void;
}

export interface Core {
  readonly port: number;
  /** Writes a line to the log, without secrets. */
  log(line: string): void;
  /** Stops checks and server; resolves well within a second. */
  stop(): Promise<void>;
}

/** Starts the platform core: registry, functional checks with history, metrics. */
export async function startCore(options: CoreOptions): Promise<Core> {
  const files = await readCoreFiles(options.directory);
  const { registry } = files;
  const mask = masker([
    ...secretValues([...files.checks, ...files.collectors]),
    ...(files.alerts ? [files.alerts.password] : []),
  ]);
  const write = options.log ?? ((line) => process.stderr.write(`${line}\n`));
  const log = (line: string) => write(`${new Date().toISOString()} ${mask(line)}`);
  const stop = new AbortController();
  const startedAt = new Date().toISOString();
  const known = new Map<string, State>();

  const checks = files.checks.map(
    (entry) =>
      new Check({
        entry,
        probe: probeOf(entry, registry.stack, options.services),
        mask,
        stop: stop.signal,
        onResult(check, result) {
          metrics.record(check, result);
          refresh(check.entry.service, result.ok ? undefined : `${check.entry.name}: ${result.message}`);
        },
      }),
  );
  const collectors = files.collectors.map(
    (entry) =>
      new Collector({
        entry,
        measure: measureOf(entry, registry.stack, options.services),
        log,
        stop: stop.signal,
      }),
  );
  const alerts = new AlertLog(options.onAlert ?? ((line) => process.stdout.write(`${line}\n`)));
  const backup = new LastBackup();
  const metrics = createMetrics(checks, collectors, alerts, backup);

  /** Brings the state of a service up to date, and logs it only when it changes. */
  function refresh(service: string, reason?: string): void {
    const { state } = serviceHealth(service, checks, startedAt);
    metrics.setState(service, state);
    if (known.get(service) === state) return;
    known.set(service, state);
    log(`${service} is ${state}${reason ? ` (${reason})` : ""}`);
  }
  for (const { name } of registry.services) {
    const { state } = serviceHealth(name, checks, startedAt);
    metrics.setState(name, state);
  }

  const server = createHttpServer({
    hosts: hostNames(files, options.hosts ?? []),
    log,
    route,
    bodyLimit: (head) =>
      head.url.pathname === "/alerts" && mayPost(head.authorization) ? alertsLimit : undefined,
  });
  const mayPost = (authorization: string | undefined): boolean =>
    files.alerts !== null && isLogin(authorization, files.alerts);

  async function route({ method, url, body, authorization }: Request): Promise<Answer> {
    const { pathname } = url;
    if (method === "POST") {
      if (pathname === "/alerts" || pathname === "/backup") {
        if (!mayPost(authorization))
          return failure(401, "E_LOGIN", "Only the platform itself may post there.");
        const [wrong, code] =
          pathname === "/alerts"
            ? ([alerts.receive(body), "E_ALERTS"] as const)
            : ([backup.receive(body), "E_BACKUP_REPORT"] as const);
        return wrong === undefined ? { status: 200, body: { ok: true } } : failure(400, code, wrong);
      }
      if (pathname !== "/check")
        return failure(404, "E_PATH", `Nothing is posted to ${pathname}; try /check.`);
      const service = url.searchParams.get("service") ?? undefined;
      if (service !== undefined && !has(service)) return unknownService(service);
      const wanted = checks.filter((check) => service === undefined || check.entry.service === service);
      await Promise.all(wanted.map((check) => check.run()));
      return { status: 200, body: health(registry, checks, startedAt, service) };
    }
    if (pathname === "/livez") return { status: 200, body: { ok: true } };
    if (pathname === "/health") return { status: 200, body: health(registry, checks, startedAt) };
    if (pathname === "/alerts") return { status: 200, body: alerts.report() };
    if (pathname === "/metrics") {
      return { status: 200, body: await metrics.text(), contentType: metrics.contentType };
    }
    if (pathname === "/registry") {
      const services = registry.services.map((service) => ({
        ...service,
        state: serviceHealth(service.name, checks, startedAt).state,
      }));
      return { status: 200, body: { ...registry, services } };
    }
    const [, prefix, service, ...rest] = pathname.split("/");
    if (prefix === "health" && service && rest.length === 0) {
      return has(service)
        ? { status: 200, body: serviceHealth(service, checks, startedAt) }
        : unknownService(service);
    }
    return failure(
      404,
      "E_PATH",
      "There are /livez, /registry, /health, /health/<service>, /alerts, /metrics and POST /check.",
    );
  }

  const has = (service: string) => registry.services.some(({ name }) => name === service);
  const unknownService = (service: string) =>
    failure(
      404,
      "E_SERVICE",
      `No service "${service.slice(0, 64)}"; there are ${registry.services.map(({ name }) => name).join(", ")}.`,
    );

  await listen(server, options.port, options.address);
  const { port } = server.address() as AddressInfo;
  log(
    `core of stack ${registry.stack} on port ${port}: ${registry.services.length} services, ${checks.length} checks`,
  );
  const loops = [...checks, ...collectors].map((each) => each.loop());

  return {
    port,
    log,
    async stop() {
      stop.abort(new Error("the core stops"));
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await Promise.all(loops);
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: Server, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** The names it is reached by: from the host, by its workload's name, by its container's name. */
function hostNames({ registry }: CoreFiles, more: readonly string[]): ReadonlySet<string> {
  const own = ["127.0.0.1", "localhost", "[::1]", "core", instanceName(registry.stack, "core"), hostname()];
  return new Set([...own, ...more].map((name) => name.toLowerCase()));
}
