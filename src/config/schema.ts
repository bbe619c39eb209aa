import { z } from "zod";
import type { ServiceDefinition } from "../model/service.ts";
import { cpuPattern, parseCpu, parseSize, sizePattern } from "../model/units.ts";
import { pipelineOverride } from "./pipeline.ts";
import { type Base, defaultPreset, fullBase, presetNames, presets } from "./presets.ts";
import { aws } from "./schema-aws.ts";
import { kubernetes, scale } from "./schema-cluster.ts";
import { external } from "./schema-external.ts";
import { backup, promoted, promotion, protect } from "./schema-release.ts";

/** Nothing runs with less; see also the rules for the model. */
const minMemory = 16 * 2 ** 20;
const minMilliCpu = 10;

export const size = z
  .string()
  .regex(sizePattern, 'a size such as "20Gi"')
  .meta({ examples: ["512Mi", "20Gi"] });
export const memory = size.refine((text) => !sizePattern.test(text) || parseSize(text) >= minMemory, {
  error: "at least 16Mi of memory",
});
const cpuExpected = 'cores such as "250m" or "2", at least "10m"';
const isCpu = (value: string | number) =>
  cpuPattern.test(String(value)) && parseCpu(String(value)) >= minMilliCpu;
export const cpuText = z.string().regex(cpuPattern, cpuExpected).refine(isCpu, { error: cpuExpected });
export const cpu = z
  .union([cpuText, z.number({ error: cpuExpected }).refine(isCpu, { error: cpuExpected })])
  .meta({ examples: ["250m", "2"] });
const port = z.int().min(1).max(65535);
export const serviceFileName = /\.(ya?ml|json)$/;
export const dataPolicy = z.enum(["retain", "delete"]);

const describe = <T extends z.ZodType>(schema: T, text: string): T => schema.describe(text) as T;

function serviceConfig(service: ServiceDefinition, { leftOut }: Base) {
  const parts = Object.entries(service.parts);
  const endpoints = parts
    .flatMap(([, part]) => Object.entries(part.endpoints ?? {}))
    .filter(([, e]) => e.published);
  const volumes = parts.flatMap(([, part]) => Object.entries(part.volumes ?? {}));
  const scalable = parts.filter(([, part]) => part.scalable);
  const resources = z.strictObject(
    Object.fromEntries(
      parts.map(([name, part]) => [
        name,
        describe(
          z.strictObject({
            cpu: describe(cpu, "Guaranteed share of the machine's cores.").default(part.resources.cpu),
            memory: describe(memory, "Memory limit; a part that exceeds it is restarted.").default(
              part.resources.memory,
            ),
          }),
          `Size of the part \`${name}\`.`,
        ).prefault({}),
      ]),
    ),
  );
  return z.strictObject({
    enabled: describe(
      z.boolean(),
      "Whether the service is part of the stack. In a preset without the service the default is `false`.",
    ).default((service.enabledByDefault ?? true) && !leftOut.has(service.name)),
    resources: describe(resources, "CPU and memory of each part.").prefault({}),
    ...(endpoints.length > 0 && {
      ports: describe(
        z.strictObject(
          Object.fromEntries(
            endpoints.map(([name, e]) => [
              name,
              describe(
                z.union([port, z.literal(false)]),
                `Port of ${e.summary}, before portOffset; \`false\`: not published.`,
              ).default(e.published as number),
            ]),
          ),
        ),
        "Ports on 127.0.0.1.",
      ).prefault({}),
    }),
    ...(volumes.length > 0 && {
      storage: describe(
        z.strictObject(
          Object.fromEntries(
            volumes.map(([name, v]) => [
              name,
              describe(
                size,
                `Size of the volume \`${name}\`; a quota if the target supports quotas.`,
              ).default(v.size),
            ]),
          ),
        ),
        "Size of each data volume.",
      ).prefault({}),
      data: describe(
        dataPolicy.optional(),
        "Whether a destroy keeps or deletes this service's data; overrides `data.policy`.",
      ),
    }),
    ...(scalable.length > 0 && {
      scale: describe(
        z.strictObject(
          Object.fromEntries(
            scalable.map(([name]) => [
              name,
              describe(scale.optional(), `Number of replicas of the part \`${name}\`.`),
            ]),
          ),
        ),
        "Number of replicas of each stateless part; a range works only in clusters.",
      ).prefault({}),
    }),
    options: describe(
      (service.options ?? z.strictObject({})) as z.ZodType,
      `Options of ${service.name}.`,
    ).prefault({} as never),
  });
}

/**
 * The schema of `datalab:platform`, for these services. An empty object is a working dev stack; `base`
 * changes defaults.
 */
export function platformSchema(services: readonly ServiceDefinition[], base: Base = fullBase) {
  return z
    .strictObject({
      target: describe(
        z.enum(["docker", "kubernetes", "aws"]),
        "Where the stack runs: containers on this machine, a Kubernetes cluster, or Kubernetes on AWS.",
      ).default("docker"),
      preset: describe(
        z.enum(presetNames),
        "Services of the stack: `lake` (storage, database, Prefect, dashboard, gateway, core), `analytics` (also notebooks, MLflow and logs) or `full` (all). `services.<name>.enabled` adds or removes a service.",
      ).default(defaultPreset),
      portOffset: describe(
        z.int().min(0).max(50000),
        "Number that is added to every published port, so that several stacks can run on one machine.",
      ).default(0),
      images: describe(
        z.strictObject({
          source: describe(
            z.enum(["build", "registry"]),
            "`build`: missing images are built on this machine; `registry`: images are pulled by digest.",
          ).default("build"),
          registry: describe(
            z
              .string()
              .regex(
                /^[a-z0-9.-]+(?::\d+)?(?:\/[a-z0-9._-]+)*$/,
                "a registry such as registry.example.com/team",
              ),
            "Registry and path of the images.",
          ).optional(),
          digests: describe(
            z.record(
              z.string(),
              z.string().regex(/^sha256:[0-9a-f]{64}$/, "a digest such as sha256:<64 hex digits>"),
            ),
            "Digest of each image in the registry.",
          ).default({}),
        }),
        "Source of container images.",
      ).prefault({}),
      data: describe(
        z.strictObject({
          policy: describe(
            dataPolicy,
            "Data volumes at a destroy: `retain` keeps them for the next up, `delete` removes them.",
          ).default("retain"),
        }),
        "Data policy.",
      ).prefault({}),
      budget: describe(
        z.strictObject({
          memory: describe(
            size,
            "Maximum memory of all containers at rest; the default depends on the preset. bench/up.ts measures against it; `./setup.sh --check` requires the default plus working memory.",
          ).default(`${presets[base.preset].restMiB}Mi`),
        }),
        "Limits for the stack's use of its machine.",
      ).prefault({}),
      kubernetes: kubernetes.prefault({}),
      aws: aws.prefault({}),
      external: external.prefault({}),
      services: describe(
        z.strictObject(
          Object.fromEntries(
            services.map((s) => [s.name, describe(serviceConfig(s, base), s.summary).prefault({})]),
          ),
        ),
        "The services of the stack and their sizes.",
      ).prefault({}),
      serviceFiles: describe(
        z.array(z.string().regex(serviceFileName, "a path that ends in .yaml, .yml or .json")),
        "YAML or JSON files that define more services; paths are relative to the project.",
      ).default([]),
      pipelines: describe(
        z.strictObject({
          only: describe(z.array(z.string()), "Deploy only these; default: all.").optional(),
          overrides: describe(
            z.record(z.string(), pipelineOverride),
            "Per pipeline: fields that replace those of its pipeline.yaml in this stack.",
          ).default({}),
        }),
        "The pipelines that are deployed as components.",
      ).prefault({}),
      secrets: describe(
        z.strictObject({
          versions: describe(
            z.record(
              z.string().regex(/^[a-z0-9.-]+\/[A-Za-z0-9.-]+$/, "an id such as prefect/admin"),
              z.int().min(1),
            ),
            "Version of a secret, by id; a higher version rotates the secret at the next up.",
          ).default({}),
        }),
        "Generated secrets.",
      ).prefault({}),
      backup: backup.prefault({}),
      promotion,
      protect,
      promoted,
    })
    .describe("One stack of the DataLab platform.");
}
