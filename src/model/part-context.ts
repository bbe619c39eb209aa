import type { ExternalModel } from "./external.ts";
import type { BucketGrant, DatabaseGrant, Grants, Needs } from "./needs.ts";
import type { ClusterModel, PipelineModel, PlatformModel } from "./platform.ts";
import type { PlatformView } from "./platform-view.ts";
import type { Ref } from "./refs.ts";

/** What the functions of a part may look at. */
export interface PartContext<N extends Needs = Needs, O = unknown> {
  readonly stack: string;
  readonly target: PlatformModel["target"];
  readonly needs: Grants<N>;
  readonly options: O;
  /** What this service was asked for as a provider. */
  readonly grants: { readonly database: readonly DatabaseGrant[]; readonly bucket: readonly BucketGrant[] };
  /** The platform as it is declared: what registries, dashboards and scrape configs are derived from. */
  readonly platform: PlatformView;
  readonly pipelines: readonly PipelineModel[];
  /** The address inside the network of one of this service's own endpoints. */
  address(part: string, endpoint: string, what: "host" | "port" | "url"): Ref;
  /** Where a person's browser reaches an endpoint of this service, or the `host:port` of that. */
  publicUrl(part: string, endpoint: string, what?: "host"): Ref;
  /** What the target calls an image. */
  image(name: string): Ref;
  /** Limits of this service's parts, with what the configuration says. */
  readonly resources: Readonly<Record<string, { readonly memoryBytes: number; readonly milliCpu: number }>>;
  /** The stack's own network, and what the names of its containers begin with. */
  readonly networkName: string;
  readonly instancePrefix: string;
  /** Where a part's `spawns` run; null: the target starts nothing on their behalf. */
  readonly cluster: ClusterModel | null;
  /** What answers databases and buckets instead of a service. */
  readonly external: ExternalModel;
}

/** What `enabled` of a part, an endpoint, a volume or a scrape may look at. */
export interface Circumstances {
  readonly cluster: ClusterModel | null;
  readonly external: ExternalModel;
}
