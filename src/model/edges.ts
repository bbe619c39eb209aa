import type { PlatformModel, WorkloadModel } from "./platform.ts";
import { refsOf, type Text } from "./refs.ts";

/** Who may open a connection to whom. Names are of workloads, or of what workloads spawn. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly port: number;
}

/**
 * Every connection that the model asks for: an endpoint's address that a workload is told, in its command, environment or
 * files, and what it waits for; to itself too, for what calls its own name goes out and comes in again. Whatever is no edge is nobody's business, which is what network rules are made of.
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
    // Who runs the checks asks the way in as people do, at the ports of all.
    if (model.health)
      for (const { internal } of workload.ports) add(model.health.workload, workload.name, internal);
    for (const spawn of workload.spawns) {
      // Not what the workload itself is told: notebooks have no business with the hub's database.
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

/** A connection to what is outside of the stack. */
export interface Egress {
  readonly from: string;
  readonly host: string;
  readonly port: number;
}

/**
 * Who connects to which server outside, by what it is told: databases and buckets that nothing of the stack answers. Names
 * resolve to addresses that change, so network rules can hold the port only.
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
