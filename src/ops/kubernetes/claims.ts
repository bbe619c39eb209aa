import type { Cluster } from "./api.ts";
import { type Claim, paths } from "./objects.ts";

export interface NewClaim {
  readonly name: string;
  readonly labels: object;
  /** As a claim requests it: bytes, or with a unit such as `512Mi`. */
  readonly size: string;
  /** What else it asks for, such as its storage class. */
  readonly spec?: object;
}

/**
 * Makes a claim unless there is one of its name. Name and labels have to be those that its controller would
 * give it: the controller adopts it.
 */
export async function ensureClaim(cluster: Cluster, { name, labels, size, spec }: NewClaim): Promise<void> {
  const all = paths.claims(cluster.target.namespace);
  if (await cluster.get<Claim>(`${all}/${name}`)) return;
  await cluster.send(all, {
    method: "POST",
    body: {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name, labels },
      spec: { accessModes: ["ReadWriteOnce"], ...spec, resources: { requests: { storage: size } } },
    },
  });
}
