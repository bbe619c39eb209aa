import type { AlertsReport } from "../../core/alerts.ts";
import type { Health, ServiceHealth } from "../../core/health.ts";
import { DatalabError, exit, reportedError } from "../../errors.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import { readSecret } from "./credentials.ts";
import { type Fetch, fetchVia, ingressRouteOf } from "./ingress-route.ts";

export type { CheckHealth, Health, ServiceHealth } from "../../core/health.ts";

/** Long enough for a busy machine, short enough to fall back while people wait. */
const answerMs = 3_000;
/** Functional checks may take a minute; their own timeouts end them. */
const checkMs = 180_000;

/** Talks to a deployed platform core. Every method throws E_CORE_UNREACHABLE when it does not answer. */
export interface CoreClient {
  health(signal?: AbortSignal): Promise<Health>;
  /** Runs the checks now, those of one service or all, and returns what they found. */
  check(service?: string, signal?: AbortSignal): Promise<Health>;
  service(name: string): Promise<ServiceHealth>;
  /** What fires now, and the last changes. */
  alerts(): Promise<AlertsReport>;
}

/** The core of a deployed platform, through its gateway where it has one. */
export function platformCore(project: string, platform: PlatformOutput): CoreClient {
  const { url, token } = platform.core;
  const secret = token === null ? undefined : () => readSecret(project, platform, token);
  return coreClient(url, secret, fetchVia(ingressRouteOf(platform)));
}

/** `token` is asked for once, with the first request: what opens the gateway in front of the core. */
export function coreClient(url: string, token?: () => Promise<string>, by: Fetch = fetch): CoreClient {
  const base = url.replace(/\/+$/, "");
  let known: Promise<string> | undefined;
  async function headers(): Promise<Record<string, string>> {
    if (!token) return {};
    known ??= token();
    try {
      return { authorization: `Bearer ${await known}` };
    } catch (error) {
      known = undefined;
      throw error;
    }
  }
  async function ask<T>(method: "GET" | "POST", path: string, ms: number, signal?: AbortSignal): Promise<T> {
    const authorization = await headers();
    const limit = AbortSignal.timeout(ms);
    let answer: Response;
    let body: unknown;
    try {
      answer = await by(`${base}${path}`, {
        method,
        headers: authorization,
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
      body = parsed(await answer.text(), answer.status);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw unreachable(base, error);
    }
    if (answer.ok) return body as T;
    const { error } = body as { error?: { code: string; message: string } };
    // The gateway is there, the core behind it is not.
    if (error?.code === "E_UNAVAILABLE" || error?.code === "E_UPSTREAM_LOST")
      throw unreachable(base, new Error("the gateway can't reach the core"));
    if (error?.code === "E_TOKEN") throw wrongToken(base);
    throw reportedError(error?.code ?? "E_CORE", error?.message ?? `The core answered ${answer.status}.`, {
      exitCode: exit.failure,
    });
  }
  return {
    health: (signal) => ask("GET", "/health", answerMs, signal),
    check: (service, signal) =>
      ask("POST", service ? `/check?service=${encodeURIComponent(service)}` : "/check", checkMs, signal),
    service: (name) => ask("GET", `/health/${encodeURIComponent(name)}`, answerMs),
    alerts: () => ask("GET", "/alerts", answerMs),
  };
}

/**
 * Only what stands in front of the core answers anything but JSON: an ingress that finds nothing behind it.
 */
function parsed(text: string, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`the proxy in front of it returned ${status}`);
  }
}

function wrongToken(url: string): DatalabError {
  return new DatalabError(
    "E_CORE_TOKEN",
    `The gateway in front of the core at ${url} refuses the stack's token.`,
    {
      hint: "Another stack may use this port, or the secrets have changed: run ./datalab up",
    },
  );
}

function unreachable(url: string, error: unknown): DatalabError {
  const { name, message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  const reason = name === "TimeoutError" ? "no answer in time" : (cause?.code ?? cause?.message ?? message);
  return new DatalabError("E_CORE_UNREACHABLE", `The platform core at ${url} does not answer (${reason}).`, {
    hint: "./datalab services logs core",
    cause: error,
  });
}
