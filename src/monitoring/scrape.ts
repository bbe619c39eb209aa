import type { EndpointView, PlatformView, ScrapeView, WorkloadView } from "../model/platform-view.ts";
import { type Ref, type Text, t } from "../model/refs.ts";

/**
 * What Prometheus reads, and how it asks whether endpoints answer. Plain data: JSON is YAML, so this is the
 * file.
 */
export interface PrometheusOptions {
  readonly stack: string;
  readonly scrapeInterval: string;
  readonly evaluationInterval: string;
  /** `host:port` of Alertmanager; null: alerts are only shown. */
  readonly alertmanager: Text | null;
  /** `host:port` of the prober; null: endpoints are not probed. */
  readonly prober: Text | null;
}

/** Where the files of a workload are mounted. */
const mounted = "/run/datalab";
/** Job of the endpoint probes. */
export const probeJob = "endpoints";

/** The file that holds the password or token of a scrape. */
export const credentialFile = (scrape: ScrapeView): string => `scrape-${scrape.job}`;

export function prometheusConfig(platform: PlatformView, options: PrometheusOptions): unknown {
  const { alertmanager, prober } = options;
  return {
    global: {
      scrape_interval: options.scrapeInterval,
      scrape_timeout: "5s",
      evaluation_interval: options.evaluationInterval,
      external_labels: { stack: options.stack },
    },
    rule_files: [`${mounted}/rules.json`],
    ...(alertmanager && {
      alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }], timeout: "5s" }] },
    }),
    scrape_configs: [
      ...platform.scrapes.map(scrapeConfig),
      ...(prober ? probeConfigs(probed(platform), prober) : []),
    ],
  };
}

function scrapeConfig(scrape: ScrapeView): unknown {
  const { service, workload, job, host, port } = scrape;
  const labels = { service, workload };
  return {
    job_name: job,
    // What the core and the agent say of other services carries those services' names.
    honor_labels: true,
    scheme: scrape.scheme,
    metrics_path: scrape.path,
    scrape_interval: `${scrape.everySeconds}s`,
    scrape_timeout: `${Math.min(scrape.everySeconds, 10)}s`,
    ...(scrape.basic && {
      basic_auth: { username: scrape.basic.user, password_file: `${mounted}/${credentialFile(scrape)}` },
    }),
    ...(scrape.bearer && {
      authorization: { type: "Bearer", credentials_file: `${mounted}/${credentialFile(scrape)}` },
    }),
    // One name stands for all replicas: every address behind it is a target. A single one stays a target
    // while it is down.
    ...(scrape.several
      ? {
          dns_sd_configs: [{ names: [host], type: "A", port, refresh_interval: "10s" }],
          relabel_configs: Object.entries(labels).map(([target_label, replacement]) => ({
            target_label,
            replacement,
          })),
        }
      : { static_configs: [{ targets: [t`${host}:${port}`], labels }] }),
  };
}

/**
 * Addresses of everything that is probed, as references: who is told them is who connects, and that is the
 * prober.
 */
export const probedAddresses = (platform: PlatformView): Text[] =>
  probed(platform).map(({ workload, name, port }) => {
    const host: Ref = { ref: "address", workload, endpoint: name, part: "host" };
    return t`${host}:${port}`;
  });

/** Endpoints of what runs all the time. */
export function probed(platform: PlatformView): EndpointView[] {
  const lasting = (workload: WorkloadView | undefined) => workload !== undefined && !workload.oneShot;
  return platform.endpoints.filter((e) => lasting(platform.workloads.find((w) => w.name === e.workload)));
}

function probeConfigs(endpoints: readonly EndpointView[], prober: Text): unknown[] {
  return (["http", "tcp"] as const)
    .map((protocol) => ({ protocol, of: endpoints.filter((e) => e.protocol === protocol) }))
    .filter(({ of }) => of.length > 0)
    .map(({ protocol, of }) => ({
      job_name: `${probeJob}-${protocol}`,
      metrics_path: "/probe",
      params: { module: [protocol] },
      static_configs: of.map((e) => ({
        targets: [
          protocol === "http"
            ? `${e.scheme === "https" ? "https" : "http"}://${e.workload}:${e.port}${e.path}`
            : `${e.workload}:${e.port}`,
        ],
        labels: { service: e.service, workload: e.workload, endpoint: e.name },
      })),
      relabel_configs: [
        { source_labels: ["__address__"], target_label: "__param_target" },
        { target_label: "instance", source_labels: ["workload", "endpoint"], separator: "." },
        { target_label: "job", replacement: probeJob },
        { target_label: "__address__", replacement: prober },
      ],
      metric_relabel_configs: [
        {
          source_labels: ["__name__"],
          regex: "probe_(success|duration_seconds|http_status_code)|up",
          action: "keep",
        },
      ],
    }));
}

/** Whoever answers is up, also one who asks for a login or knows nothing under this path. */
const answers = [
  200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 415, 426,
];

/** The prober's configuration. */
export const blackboxConfig: unknown = {
  modules: {
    http: {
      prober: "http",
      timeout: "4s",
      http: { valid_status_codes: answers, follow_redirects: false, preferred_ip_protocol: "ip4" },
    },
    tcp: { prober: "tcp", timeout: "4s", tcp: { preferred_ip_protocol: "ip4" } },
  },
};
