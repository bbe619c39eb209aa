import type { WorkloadModel } from "../../../src/model/platform.ts";
import { template } from "../../../src/model/refs.ts";
import type { PodArgs } from "../../../src/targets/kubernetes/pod.ts";
import type { WorkloadArgs } from "../../../src/targets/kubernetes/workload.ts";

/** A part that serves and holds nothing. */
export const notes: WorkloadModel = {
  name: "notes",
  service: "notes",
  part: "main",
  image: "core",
  command: [template("serve")],
  env: {},
  files: {},
  endpoints: [
    {
      name: "api",
      summary: "an API",
      port: 9300,
      protocol: "http",
      scheme: "http",
      published: 9300,
      browser: false,
      path: "/",
      auth: "gateway",
      login: null,
    },
  ],
  probe: { command: ["true"], everySeconds: 10, withinSeconds: 30 },
  volumes: [],
  milliCpu: 250,
  memoryBytes: 2 ** 29,
  tmpBytes: 2 ** 26,
  oneShot: false,
  replicas: 1,
  scale: null,
  scalable: true,
  updateOrder: "start-first",
  host: [],
  spawns: [],
  homes: [],
  reaches: [],
  ports: [],
  stopGraceSeconds: 10,
  drain: null,
  dump: null,
  tools: {},
  waitFor: [],
  afterOneShots: [],
  buckets: [],
};

export const podArgs: PodArgs = {
  image: "registry.example.com/lab/core@sha256:1",
  args: ["serve", "--all"],
  env: { B: "2", A: "1" },
  milliCpu: 250,
  memoryBytes: 2 ** 29,
  tmpBytes: 2 ** 26,
  ports: [{ name: "api", containerPort: 9300 }],
  probe: null,
  stopGraceSeconds: 10,
  serves: true,
  serviceAccount: "notes",
  apiToken: false,
  priorityClass: "datalab-staging-service",
  pullSecrets: [],
  cpuOvercommit: 2,
  files: [{ secret: { name: "notes-files", items: [{ key: "env", path: "env" }] } }],
  mounts: [],
  volumes: [],
};

export const workloadArgs: WorkloadArgs = {
  stack: "staging",
  namespace: "datalab-staging",
  workload: notes,
  release: "0123456789abcdef",
  filesHash: "fedcba9876543210",
  pod: { containers: [] },
  storageClass: null,
};

export const labels = {
  "datalab.stack": "staging",
  "datalab.service": "notes",
  "datalab.workload": "notes",
  "app.kubernetes.io/name": "notes",
  "app.kubernetes.io/part-of": "datalab",
  "app.kubernetes.io/instance": "datalab-staging",
  "app.kubernetes.io/managed-by": "pulumi",
};

export const metadata = {
  name: "notes",
  namespace: "datalab-staging",
  labels: { ...labels, "app.kubernetes.io/component": "main" },
};

export const selector = { "datalab.stack": "staging", "datalab.workload": "notes" };
