import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { basicAuth } from "../model/basic-auth.ts";
import { curl } from "../model/curl.ts";
import { secret } from "../model/needs.ts";
import { template } from "../model/refs.ts";
import { type CheckContext, defineService } from "../model/service.ts";
import { durationPattern, parseDuration, parseSize, sizePattern } from "../model/units.ts";

const user = "logs";
const port = 9428;

const options = z.strictObject({
  retention: z
    .string()
    .regex(durationPattern, 'a duration such as "14d"')
    .refine((text) => !durationPattern.test(text) || parseDuration(text) >= 86_400, "at least 1d")
    .default("14d")
    .describe("How long log lines are kept; at least one day."),
  diskLimit: z
    .string()
    .regex(sizePattern, 'a size such as "4Gi"')
    .default("4Gi")
    .describe(
      "Maximum disk space for log lines; the oldest days are removed first, the current day is always kept.",
    )
    .meta({ owner: "sizes" }),
});

/** Writes a line as programs do, and looks for it as people do. */
async function writeAndFind({ endpoints, secrets, signal }: CheckContext): Promise<string> {
  const url = endpoints["main.api"] as string;
  const authorization = basicAuth({ user, password: secrets.admin as string });
  const id = randomUUID();
  const record = {
    _time: new Date().toISOString(),
    _msg: `health check ${id}`,
    ...{ service: "logs", workload: "logs", container: "health-check", stream: "check", level: "debug" },
  };
  const call = async (path: string, type: string, body: string) => {
    const answer = await fetch(`${url}${path}`, {
      method: "POST",
      headers: { authorization, "content-type": type },
      body,
      signal,
    });
    if (!answer.ok) throw new Error(`${path.split("?")[0]} answered ${answer.status}`);
    return answer.text();
  };
  const started = performance.now();
  await call(
    "/insert/jsonline?_stream_fields=service,workload,container,stream",
    "application/x-ndjson",
    `${JSON.stringify(record)}\n`,
  );
  const query = new URLSearchParams({
    query: `{container="health-check"} _time:5m "health check ${id}" | fields _msg`,
  }).toString();
  for (;;) {
    const found = await call("/select/logsql/query", "application/x-www-form-urlencoded", query);
    if (found.includes(id)) return `found after ${((performance.now() - started) / 1000).toFixed(1)} s`;
    await sleep(250, undefined, { signal });
  }
}

export const logs = defineService({
  name: "logs",
  summary: "Central, searchable log store for the lines of all containers.",
  version: "VictoriaLogs 1.121.0",
  needs: { admin: secret({ user, opens: "the log store" }) },
  provides: { logs: { part: "main", endpoint: "api" } },
  options,
  parts: {
    main: {
      image: "services",
      command: ({ options }) => [
        "victoria-logs",
        `-httpListenAddr=:${port}`,
        "-storageDataPath=/data",
        `-retentionPeriod=${parseDuration(options.retention)}s`,
        `-retention.maxDiskSpaceUsageBytes=${parseSize(options.diskLimit)}`,
        // Its caches; searches may take more for a moment.
        "-memory.allowedBytes=48MiB",
        "-search.maxConcurrentRequests=4",
        "-search.maxQueryDuration=30s",
        `-httpAuth.username=${user}`,
        "-httpAuth.password=file:///run/datalab/password",
        "-loggerFormat=json",
        "-http.header.frameOptions=SAMEORIGIN",
      ],
      env: () => ({ HOME: "/tmp", GOMAXPROCS: "2", GOGC: "50" }),
      files: ({ needs }) => ({ password: template(needs.admin) }),
      endpoints: {
        api: {
          port,
          protocol: "http",
          summary: "the UI and API of the log store",
          published: port,
          browser: true,
          path: "/select/vmui/",
          auth: "gateway",
          login: "admin",
          // What programs inside use; from outside logs are read, not written.
          internal: ["/insert", "/internal", "/metrics", "/flags", "/debug"],
        },
      },
      metrics: { main: { endpoint: "api", login: "admin" } },
      probe: {
        command: curl(`http://127.0.0.1:${port}/health`),
        within: "30s",
      },
      volumes: { data: { path: "/data", size: "5Gi" } },
      resources: { cpu: "100m", memory: "256Mi" },
      stopGrace: "15s",
    },
  },
  checks: {
    "write-find": {
      summary: "A line that is written is found within seconds.",
      every: "2m",
      timeout: "15s",
      secrets: ["admin"],
      run: writeAndFind,
    },
  },
  alerts: () => [
    {
      name: "LogStoreReadOnly",
      expr: "max(vl_storage_is_read_only) == 1",
      for: "1m",
      severity: "critical",
      summary: "The log store accepts no more lines: its disk is nearly full.",
    },
  ],
  backup: "none: logs are kept for their retention only",
});
