import type * as k8s from "@pulumi/kubernetes";
import { askedUrl } from "../../model/curl.ts";
import type { ProbeModel } from "../../model/platform.ts";

type Probe = k8s.types.input.core.v1.Probe;

const startPeriod = 3;
const answerSeconds = 5;

/**
 * How a pod is asked: by the node where the question is an HTTP request, which costs no process, else inside
 * the container.
 */
function handler(command: readonly string[]): Pick<Probe, "httpGet" | "exec"> {
  const url = askedUrl(command);
  if (!url) return { exec: { command: [...command] } };
  return {
    httpGet: {
      port: Number(url.port),
      path: `${url.pathname}${url.search}`,
      scheme: "HTTP",
      // The pod's own address is a name that some servers refuse.
      httpHeaders: [{ name: "Host", value: url.host }],
    },
  };
}

/**
 * A start may take as long as the model says. After it a pod gets requests while it answers, and is started
 * again when it has not for some minutes: what is only busy is left alone.
 */
export function probes(
  probe: ProbeModel,
): Record<"startupProbe" | "readinessProbe" | "livenessProbe", Probe> {
  const ask = handler(probe.command);
  return {
    startupProbe: {
      ...ask,
      periodSeconds: startPeriod,
      timeoutSeconds: answerSeconds,
      // What it waits for may take as long again.
      failureThreshold: Math.ceil((probe.withinSeconds + waitSeconds) / startPeriod),
    },
    readinessProbe: {
      ...ask,
      periodSeconds: probe.everySeconds,
      timeoutSeconds: answerSeconds,
      failureThreshold: 3,
    },
    livenessProbe: { ...ask, periodSeconds: 30, timeoutSeconds: 10, failureThreshold: 6 },
  };
}

/** How long a part waits for what it needs before it gives up. */
export const waitSeconds = 300;
