import { labelNames } from "../../model/names.ts";
import type { Holder } from "../lock.ts";
import { parseHolder } from "../lock.ts";
import type { LockEntry, LockPlace } from "../shared-lock.ts";
import { ApiError, type Cluster } from "./api.ts";
import type { Meta } from "./objects.ts";

/** The lock of a stack in its namespace. It is no object of the stack: `down` and `drift` pass it by. */
export const leaseName = "datalab-lock";
const holderNote = "datalab.lock/holder";
/** Of a lease whose holder has been silent for so long others may take it; see shared-lock.ts. */
const leaseSeconds = 60;

interface Lease {
  readonly metadata: Meta & { readonly resourceVersion: string };
  readonly spec?: { readonly holderIdentity?: string; readonly renewTime?: string };
}

/** A Lease in the namespace of the stack; the API server lets one of two writers win. */
export function leaseLock(cluster: Cluster, stack: string): LockPlace {
  const folder = `/apis/coordination.k8s.io/v1/namespaces/${cluster.target.namespace}/leases`;
  const path = `${folder}/${leaseName}`;
  const body = ({ holder, beat }: LockEntry, version?: string) => ({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name: leaseName,
      labels: { [labelNames.stack]: stack },
      annotations: { [holderNote]: JSON.stringify(holder) },
      ...(version !== undefined && { resourceVersion: version }),
    },
    spec: {
      holderIdentity: holder ? identity(holder) : "",
      leaseDurationSeconds: leaseSeconds,
      // The API asks for microseconds.
      renewTime: beat.replace(/\.(\d{3})Z$/, ".$1000Z"),
    },
  });
  const write = async (
    method: "POST" | "PATCH",
    at: string,
    content: object,
  ): Promise<string | undefined> => {
    try {
      const answer = await cluster.send(at, { method, body: content });
      return ((await answer.json()) as Lease).metadata.resourceVersion;
    } catch (error) {
      // 409: another version is there; 404: none.
      if (error instanceof ApiError && [404, 409].includes(error.status)) return undefined;
      throw error;
    }
  };
  return {
    name: `the namespace ${cluster.target.namespace}`,
    create: (entry) => write("POST", folder, body(entry)),
    async read() {
      const found = await cluster.get<Lease>(path);
      if (!found) return undefined;
      const { metadata, spec } = found;
      const note = metadata.annotations?.[holderNote];
      const holder = note === undefined ? undefined : note === "null" ? null : parseHolder(note);
      return {
        entry: holder === undefined ? undefined : { holder, beat: spec?.renewTime ?? "" },
        version: metadata.resourceVersion,
      };
    },
    renew: (entry, version) => write("PATCH", path, body(entry, version)),
    replace: (entry, version) => write("PATCH", path, body(entry, version)),
    async release(version) {
      try {
        await cluster.send(path, { method: "DELETE", body: { preconditions: { resourceVersion: version } } });
      } catch (error) {
        if (!(error instanceof ApiError && [404, 409].includes(error.status))) throw error;
      }
    },
  };
}

const identity = ({ user, host, pid }: Holder): string => `${user}@${host}/${pid}`;
