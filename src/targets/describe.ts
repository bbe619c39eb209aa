import { createHash } from "node:crypto";
import { instanceName, replicaNames } from "../model/names.ts";
import type { EndpointModel, PipelineModel, PlatformModel, WorkloadModel } from "../model/platform.ts";
import { isRef } from "../model/refs.ts";
import type { PlatformOutput } from "../outputs/platform.ts";
import type { Values } from "./values.ts";

/** What differs from target to target. */
interface Own {
  /** What runs of a workload, and what the target calls it. */
  readonly instancesOf: (
    workload: WorkloadModel,
  ) => readonly { readonly name: string; readonly instance: string }[];
  readonly kubernetes: PlatformOutput["kubernetes"];
}

/** The stack output `platform`, derived from the model. */
export function describePlatform(
  model: PlatformModel,
  values: Values,
  publicUrl: (endpoint: EndpointModel) => string,
  own: Own = {
    instancesOf: (w) =>
      replicaNames(w.name, w.replicas).map((name) => ({ name, instance: instanceName(model.stack, name) })),
    kubernetes: null,
  },
): PlatformOutput {
  const workloads = model.services.flatMap((s) => s.workloads);
  const core = model.health && values.endpoint(model.health.workload, model.health.endpoint);
  return {
    stack: model.stack,
    target: model.target,
    release: createHash("sha256").update(JSON.stringify(model)).digest("hex").slice(0, 16),
    ...(own.kubernetes && { kubernetes: own.kubernetes }),
    core: { url: core ? publicUrl(core) : "", token: model.token },
    services: model.services.map((service) => ({
      name: service.name,
      summary: service.summary,
      version: service.version,
      owner: service.owner,
      backup: service.backup,
      dependsOn: [...service.dependsOn],
      workloads: service.workloads.flatMap((w) =>
        own.instancesOf(w).map((instance) => ({
          ...instance,
          image: w.image,
          oneShot: w.oneShot,
          stopGraceSeconds: w.stopGraceSeconds,
          after: [...new Set(w.waitFor.map(({ workload }) => workload))],
          drain: w.drain && { command: [...w.drain.command], withinSeconds: w.drain.withinSeconds },
          ...(w.dump && {
            dump: { command: [...w.dump.command], volumes: w.volumes.map(({ name }) => `${w.name}-${name}`) },
          }),
          ...(w.homes.length > 0 && {
            homes: w.homes.map((homes) => ({ ...homes, storageClass: homeStorageClass(model) })),
          }),
        })),
      ),
      endpoints: service.workloads.flatMap((w) =>
        w.endpoints.map((e) => ({
          name: e.name,
          workload: w.name,
          summary: e.summary,
          protocol: e.protocol,
          browser: e.browser,
          auth: e.auth,
          url: publicUrl(e) || null,
          internalUrl: values.plain({ ref: "address", workload: w.name, endpoint: e.name, part: "url" }),
          login: e.login && { user: e.login.user, secret: e.login.secret },
        })),
      ),
      checks: service.checks.map(({ name, summary }) => ({ name, summary })),
    })),
    providers: { ...model.providers },
    secrets: model.secrets.map(({ id, version, login }) => ({ id, version, login: login && { ...login } })),
    pipelines: model.pipelines.map((p) => ({
      name: p.name,
      summary: p.summary,
      version: p.version,
      schedule: describeSchedule(p.schedule),
      paused: p.paused,
      ...(p.report && { report: true }),
    })),
    volumes: workloads.flatMap((w) =>
      w.volumes.map((v) => ({ name: v.name, service: w.service, policy: v.policy, sizeBytes: v.sizeBytes })),
    ),
    tools: Object.fromEntries(
      workloads.flatMap((w) =>
        Object.entries(w.tools).map(([tool, { command, bucket }]) => [
          tool,
          {
            workload: w.name,
            instance: own.instancesOf(w)[0]?.instance ?? w.name,
            command: [...command],
            bucket: bucket && describeBucket(bucket),
          },
        ]),
      ),
    ),
  };

  function describeBucket(
    bucket: NonNullable<PlatformModel["services"][number]["workloads"][number]["tools"][string]["bucket"]>,
  ) {
    const { url, secretKey } = bucket;
    const key = isRef(secretKey) ? secretKey : undefined;
    return {
      url: url.ref === "address" ? publicUrl(values.endpoint(url.workload, url.endpoint)) : values.plain(url),
      region: bucket.region,
      accessKey: bucket.accessKey,
      secret: key?.ref === "secret" ? key.id : null,
      ...(key?.ref === "external" && { external: key.name }),
      names: [...bucket.names],
      ...(bucket.prefix && { prefix: bucket.prefix }),
    };
  }
}

const homeStorageClass = ({ cluster }: PlatformModel): string | null =>
  cluster?.homeStorageClass ?? cluster?.storageClass ?? null;

function describeSchedule(schedule: PipelineModel["schedule"]): string {
  if (schedule === null) return "on demand";
  return "cron" in schedule
    ? `${schedule.cron} (${schedule.timezone})`
    : `every ${schedule.intervalSeconds} s`;
}
