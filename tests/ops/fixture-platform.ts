import type { PlatformOutput } from "../../src/outputs/platform.ts";

type Service = PlatformOutput["services"][number];

const workload = (name: string, oneShot = false) => ({
  name,
  instance: `datalab-dev-${name}`,
  image: "i",
  oneShot,
  stopGraceSeconds: 10,
  after: [] as string[],
  drain: null,
});

function service(name: string, more: Partial<Service> = {}): Service {
  return {
    name,
    summary: `The service ${name}.`,
    version: "1",
    owner: "platform",
    backup: "none",
    dependsOn: [],
    workloads: [workload(name)],
    endpoints: [],
    checks: [],
    ...more,
  };
}

const endpoint = {
  workload: "w",
  summary: "s",
  protocol: "http",
  browser: false,
  internalUrl: "",
  login: null,
} as const;

/** What a small deployed platform says of itself. */
export function platform(coreUrl = "http://127.0.0.1:7070"): PlatformOutput {
  return {
    stack: "dev",
    target: "docker",
    release: "r1",
    core: { url: coreUrl, token: null },
    services: [
      service("core", { endpoints: [{ ...endpoint, name: "api", url: `${coreUrl}/health` }] }),
      service("postgres"),
      service("prefect", {
        workloads: [workload("prefect"), workload("prefect-worker"), workload("prefect-register", true)],
        endpoints: [
          { ...endpoint, name: "metrics", url: "http://127.0.0.1:4299/" },
          {
            ...endpoint,
            name: "api",
            browser: true,
            url: "http://127.0.0.1:4200/",
            login: { user: "admin", secret: "prefect/admin" },
          },
        ],
      }),
    ],
    providers: { orchestrator: { service: "prefect", workload: "w", endpoint: "api" } },
    secrets: [
      { id: "prefect/admin", version: 1, login: { user: "admin", opens: "Prefect" } },
      { id: "prefect/lake", version: 1, login: null },
    ],
    pipelines: [
      {
        name: "medallion_etl",
        summary: "CSV to gold.",
        version: "abc123",
        schedule: "daily",
        paused: false,
        report: true,
      },
    ],
    volumes: [],
    tools: {},
  };
}
