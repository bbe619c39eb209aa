import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import type { CheckContext, ServiceDefinition } from "../model/service.ts";
import type { Measure } from "./collector.ts";
import type { CheckEntry, CollectorEntry } from "./files.ts";

/** One run of a check: resolves, with an optional message, when all is well and throws otherwise. */
export type Probe = (signal: AbortSignal) => Promise<string | undefined>;

/** How a check of the file is run: as data (`http`, `tcp`) or by the function its service defines. */
export function probeOf(entry: CheckEntry, stack: string, services: readonly ServiceDefinition[]): Probe {
  if (entry.http) {
    const { url, status } = entry.http;
    return (signal) => http(url, status, signal);
  }
  if (entry.tcp) {
    const { host, port } = entry.tcp;
    return (signal) => tcp(host, Number(port), signal);
  }
  const run = services.find((service) => service.name === entry.service)?.checks[entry.name]?.run;
  if (!run) {
    const message = `this core has no check "${entry.name}" for ${entry.service}: its image and the platform differ; run up again`;
    return () => Promise.reject(new Error(message));
  }
  const context = contextOf(entry, stack);
  return async (signal) => run({ ...context, signal });
}

/** The function that takes a collector's measurements. */
export function measureOf(
  entry: CollectorEntry,
  stack: string,
  services: readonly ServiceDefinition[],
): Measure {
  const run = services.find((service) => service.name === entry.service)?.collectors?.[entry.name]?.run;
  if (!run) {
    const message = `this core has no collector "${entry.name}" for ${entry.service}: its image and the platform differ; run up again`;
    return () => Promise.reject(new Error(message));
  }
  const context = contextOf(entry, stack);
  return async (signal) => run({ ...context, signal });
}

function contextOf(entry: CollectorEntry, stack: string): Omit<CheckContext, "signal"> {
  return {
    needs: entry.needs as CheckContext["needs"],
    secrets: entry.secrets,
    endpoints: entry.endpoints,
    stack,
  };
}

/** A fresh connection each time: a pooled one could hide that nobody listens any more. */
function http(url: string, status: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const send = url.startsWith("https:") ? httpsRequest : httpRequest;
    const request = send(url, { agent: false, signal, headers: { "user-agent": "datalab-core" } });
    request.on("error", reject);
    request.on("response", (response) => {
      response.resume();
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === status) resolve(undefined);
        else reject(new Error(`GET ${url} answered ${response.statusCode}, expected ${status}`));
      });
    });
    request.end();
  });
}

function tcp(host: string, port: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.on("error", reject);
    socket.on("connect", () => {
      socket.destroy();
      resolve(undefined);
    });
  });
}
