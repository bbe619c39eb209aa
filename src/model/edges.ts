import type { PlatformModel, WorkloadModel } from "./platform.ts";
import { refsOf, type Text } from "./refs.ts";

/** A connection that is allowed. Names are those of workloads, or of what workloads spawn. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly port: number;
}

/**
 * Every connection that the model requires: to endpoints whose address is in a workload's command,
 * environment or files, and to endpoints that it waits for. A workload that calls its own name also needs an
 * edge to itself. Network
 */
export function edgesOf(model: PlatformModel): Edge[] {
  const workloads = model.services.flatMap((s) => s.workloads);
  const port = (workload: string, endpoint: string) =>
    workloads.find((w) => w.name === workload)?.endpoints.find((e) => e.name === endpoint)?.port;
  const found = new Map<string, Edge>();
  const add = (from: string, to: string, at: number | undefined) => {
    if (at !== undefined) found.set(`${from} ${to} ${at}`, { from, to, port: at });
  };
  const addTold = (from: string, texts: readonly Text[]) => {
    for (const ref of texts.flatMap(refsOf)) {
      if (ref.ref === "address") add(from, ref.workload, port(ref.workload, ref.endpoint));
    }
  };
  for (const workload of workloads) {
    addTold(workload.name, textsOf(workload));
    for (const needed of workload.waitFor) add(workload.name, needed.workload, needed.port);
    // The core's checks use the gateway as people do, at all of its ports.
    if (model.health)
      for (const { internal } of workload.ports) add(model.health.workload, workload.name, internal);
    for (const spawn of workload.spawns) {
      // Not the addresses of the workload itself: notebooks must not reach the hub's database.
      addTold(spawn.name, [...Object.values(spawn.env), ...Object.values(spawn.files)]);
      for (const endpoint of workload.endpoints) add(spawn.name, workload.name, endpoint.port);
      for (const { port: at, from } of spawn.ports) {
        for (const who of from)
          found.set(`${who} ${spawn.name} ${at}`, { from: who, to: spawn.name, port: at });
      }
    }
  }
  return [...found.values()];
}

/** A connection to a server outside of the stack. */
export interface Egress {
  readonly from: string;
  readonly host: string;
  readonly port: number;
}

/**
 * Connections to external servers, by the addresses that workloads receive: external databases and buckets.
 * Names resolve to addresses that change, so network rules can hold the port only.
 */
export function egressOf(model: PlatformModel): Egress[] {
  const found = new Map<string, Egress>();
  const { database, bucket } = model.external;
  const url = bucket && new URL(bucket.url);
  const places = {
    database: database && { host: database.host, port: database.port },
    bucket: url && { host: url.hostname, port: Number(url.port || (url.protocol === "http:" ? 80 : 443)) },
  };
  const add = (from: string, place: Omit<Egress, "from">) =>
    found.set(`${from} ${place.host} ${place.port}`, { from, ...place });
  const addTold = (from: string, texts: readonly Text[]) => {
    for (const ref of texts.flatMap(refsOf)) {
      const place = ref.ref === "outside" && places[ref.capability];
      if (place) add(from, place);
      if (ref.ref === "outside" && ref.capability === "bucket" && bucket?.identity)
        add(from, bucket.identity);
    }
  };
  for (const workload of model.services.flatMap((s) => s.workloads)) {
    addTold(workload.name, textsOf(workload));
    for (const { name, env, files } of workload.spawns) {
      addTold(name, [...Object.values(env), ...Object.values(files)]);
    }
  }
  return [...found.values()];
}

const textsOf = ({ command, env, files }: WorkloadModel): Text[] => [
  ...command,
  ...Object.values(env),
  ...Object.values(files),
];
