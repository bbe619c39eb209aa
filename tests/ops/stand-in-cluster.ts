import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { makeProject } from "../support/project.ts";

/** An object of the API, as far as tests say. */
export interface Thing {
  readonly kind?: string;
  readonly metadata: {
    name: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string | null>;
    ownerReferences?: unknown[];
    managedFields?: unknown[];
  };
  spec?: Record<string, unknown>;
  status?: unknown;
}

/** What a list holds, by its path: `/api/v1/namespaces/lab/pods`. */
export type Contents = Record<string, Thing[]>;

export interface StandInCluster {
  readonly kubeconfig: string;
  readonly server: string;
  readonly contents: Contents;
  /** Changes that were asked for: method, path and body. */
  /** Paths that were read. */
  readonly reads: readonly string[];
  readonly changes: readonly { method: string; path: string; query: string; body: unknown }[];
}

interface Served {
  readonly resource: string;
  readonly kind: string;
  readonly scope: "Namespaced" | "Cluster";
}
const groups: Readonly<Record<string, readonly Served[]>> = {
  "": [
    { resource: "pods", kind: "Pod", scope: "Namespaced" },
    { resource: "services", kind: "Service", scope: "Namespaced" },
    { resource: "endpoints", kind: "Endpoints", scope: "Namespaced" },
    { resource: "secrets", kind: "Secret", scope: "Namespaced" },
    { resource: "configmaps", kind: "ConfigMap", scope: "Namespaced" },
    { resource: "persistentvolumeclaims", kind: "PersistentVolumeClaim", scope: "Namespaced" },
    { resource: "persistentvolumes", kind: "PersistentVolume", scope: "Cluster" },
  ],
  apps: [{ resource: "deployments", kind: "Deployment", scope: "Namespaced" }],
  "scheduling.k8s.io": [{ resource: "priorityclasses", kind: "PriorityClass", scope: "Cluster" }],
};

/** An API server that has these objects, and a kubeconfig whose context `lab` leads to it. */
export async function standInCluster(
  contents: Contents,
  refuses: (method: string, path: string) => number | undefined = () => undefined,
  logs: Readonly<Record<string, string>> = {},
): Promise<StandInCluster> {
  const changes: { method: string; path: string; query: string; body: unknown }[] = [];
  const reads: string[] = [];
  const server = createServer(async (asked, answer) => {
    const { pathname: path, searchParams } = new URL(asked.url ?? "", "http://x");
    const chunks: Buffer[] = [];
    for await (const chunk of asked) chunks.push(chunk as Buffer);
    const method = asked.method ?? "GET";
    const text = Buffer.concat(chunks).toString();
    const body = text === "" ? undefined : JSON.parse(text);
    if (method === "GET") reads.push(path);
    else changes.push({ method, path, query: searchParams.toString(), body });
    const say = (status: number, value: unknown) => {
      answer.writeHead(status, { "content-type": "application/json" });
      answer.end(JSON.stringify(value));
    };
    const refused = refuses(method, path);
    if (refused) return say(refused, { message: `${path} is not for you` });
    if (path === "/version") return say(200, { gitVersion: "v1.34.0" });
    if (path === "/api" || path === "/apis") return say(200, discovery(path));
    const log = /\/pods\/([^/]+)\/log$/.exec(path)?.[1];
    if (log) return answer.end(searchParams.get("previous") ? "" : (logs[log] ?? ""));
    if (contents[path] && method === "POST") {
      contents[path].push(structuredClone(body));
      return say(201, body);
    }
    if (contents[path]) {
      const selector = searchParams.get("labelSelector") ?? "";
      const fields = searchParams.get("fieldSelector") ?? "";
      return say(200, {
        items: contents[path].filter((thing) => selects(selector, thing) && hasFields(fields, thing)),
        metadata: {},
      });
    }
    const slash = path.lastIndexOf("/");
    const list = contents[path.slice(0, slash)] ?? [];
    const found = list.findIndex(({ metadata }) => metadata.name === path.slice(slash + 1));
    const thing = list[found];
    if (!thing)
      return /\/[a-z]+$/.test(path) && !list.length
        ? listOrNothing(path, say)
        : say(404, { message: "not found" });
    if (method === "DELETE") list.splice(found, 1);
    if (method === "PATCH" && !Array.isArray(body)) {
      Object.assign(thing.metadata, {
        ...body.metadata,
        annotations: { ...thing.metadata.annotations, ...body.metadata?.annotations },
      });
      thing.spec = { ...thing.spec, ...body.spec };
    }
    say(200, thing);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { kubeconfig: writeKubeconfig(url), server: url, contents, reads, changes };
}

/** Lists that a test says nothing of are empty. */
const listed = new Set(["pods", "jobs", "events", "deployments", "statefulsets", "persistentvolumeclaims"]);
function listOrNothing(path: string, say: (status: number, value: unknown) => void): void {
  const last = path.slice(path.lastIndexOf("/") + 1);
  const known =
    listed.has(last) ||
    Object.values(groups)
      .flat()
      .some(({ resource }) => resource === last);
  say(known ? 200 : 404, known ? { items: [], metadata: {} } : { message: "not found" });
}

function discovery(root: string): unknown {
  const mine = Object.entries(groups).filter(([group]) => (group === "") === (root === "/api"));
  return {
    items: mine.map(([name, resources]) => ({
      metadata: { name },
      versions: [
        {
          version: "v1",
          resources: resources.map(({ resource, kind, scope }) => ({
            resource,
            scope,
            verbs: ["list", "delete"],
            responseKind: { kind },
          })),
        },
      ],
    })),
  };
}

function selects(selector: string, { metadata: { labels = {} } }: Thing): boolean {
  return selector
    .split(/,(?![^(]*\))/)
    .filter((part) => part !== "")
    .every((part) => {
      const among = /^(\S+) in \((.*)\)$/.exec(part);
      if (among) return (among[2] as string).split(",").includes(labels[among[1] as string] ?? "");
      if (part.startsWith("!")) return labels[part.slice(1)] === undefined;
      const [key = "", value] = part.split("=");
      return labels[key] === value;
    });
}

const hasFields = (selector: string, thing: Thing): boolean =>
  selector
    .split(",")
    .filter((part) => part !== "")
    .every((part) => {
      const [key = "", value] = part.split("=");
      return (thing as unknown as Record<string, unknown>)[key] === value;
    });

/** A kubeconfig with the contexts `lab` and `other`, the latter being the current one. */
export function writeKubeconfig(server: string): string {
  const file = join(makeProject({}, { bare: true }), "kubeconfig");
  const context = (name: string) => ({ name, context: { cluster: "c", user: "u" } });
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "u", user: { token: "t" } }],
    contexts: [context("lab"), context("other")],
    "current-context": "other",
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}
