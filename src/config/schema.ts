import { z } from "zod";
import type { ServiceDefinition } from "../model/service.ts";
import { cpuPattern, parseCpu, parseSize, sizePattern } from "../model/units.ts";
import { pipelineOverride } from "./pipeline.ts";
import { type Base, defaultPreset, fullBase, presetNames, presets } from "./presets.ts";
import { aws } from "./schema-aws.ts";
import { kubernetes, scale } from "./schema-cluster.ts";
import { external } from "./schema-external.ts";
import { backup, promoted, promotion, protect } from "./schema-release.ts";

/** Less can't run anything; see also the rules on the model. */
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
            cpu: describe(cpu, "Share of the machine's cores it may count on.").default(part.resources.cpu),
            memory: describe(
              memory,
              "Memory limit; the part is stopped and started again when it goes over.",
            ).default(part.resources.memory),
          }),
          `Size of the part \`${name}\`.`,
        ).prefault({}),
      ]),
    ),
  );
  return z.strictObject({
    enabled: describe(
      z.boolean(),
      "Whether the service is part of the stack. A preset that has not got it makes the default `false`.",
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
              describe(size, `Size of the volume \`${name}\`: a quota where the target has one.`).default(
                v.size,
              ),
            ]),
          ),
        ),
        "Size of each data volume.",
      ).prefault({}),
      data: describe(
        dataPolicy.optional(),
        "What a destroy does with this service's data; overrides `data.policy`.",
      ),
    }),
    ...(scalable.length > 0 && {
      scale: describe(
        z.strictObject(
          Object.fromEntries(
            scalable.map(([name]) => [
              name,
              describe(scale.optional(), `How many of the part \`${name}\` there are.`),
            ]),
          ),
        ),
        "How many of each part that holds nothing of its own; a range is for clusters.",
      ).prefault({}),
    }),
    options: describe(
      (service.options ?? z.strictObject({})) as z.ZodType,
      `Options of ${service.name} itself.`,
    ).prefault({} as never),
  });
}

/** The schema of `datalab:platform`, for these services. An empty object is a working dev stack; `base` changes defaults. */
export function platformSchema(services: readonly ServiceDefinition[], base: Base = fullBase) {
  return z
    .strictObject({
      target: describe(
        z.enum(["docker", "kubernetes", "aws"]),
        "What answers the model: containers on this machine, a Kubernetes cluster, or Kubernetes on AWS.",
      ).default("docker"),
      preset: describe(
        z.enum(presetNames),
        "Which services the stack starts from: `lake` (storage, database, Prefect, dashboard, gateway, core), `analytics` (also notebooks, MLflow and logs) or `full` (everything). `services.<name>.enabled` adds a service, or takes one out.",
      ).default(defaultPreset),
      portOffset: describe(
        z.int().min(0).max(50000),
        "Added to every published port, so that stacks live side by side on one machine.",
      ).default(0),
      images: describe(
        z.strictObject({
          source: describe(
            z.enum(["build", "registry"]),
            "`build`: images are built on this machine when missing; `registry`: taken by digest.",
          ).default("build"),
          registry: describe(
            z
              .string()
              .regex(
                /^[a-z0-9.-]+(?::\d+)?(?:\/[a-z0-9._-]+)*$/,
                "a registry such as registry.example.com/team",
              ),
            "Registry and path that the images are taken from.",
          ).optional(),
          digests: describe(
            z.record(
              z.string(),
              z.string().regex(/^sha256:[0-9a-f]{64}$/, "a digest such as sha256:<64 hex digits>"),
            ),
            "Digest of each image in the registry.",
          ).default({}),
        }),
        "Where container images come from.",
      ).prefault({}),
      data: describe(
        z.strictObject({
          policy: describe(
            dataPolicy,
            "What a destroy does with data volumes: `retain` keeps them for the next up, `delete` removes them.",
          ).default("retain"),
        }),
        "What happens to data.",
      ).prefault({}),
      budget: describe(
        z.strictObject({
          memory: describe(
            size,
            "Memory of all containers at rest, which bench/up.ts measures against it; the default is the preset's. `./setup.sh --check` asks for the default and room to work.",
          ).default(`${presets[base.preset].restMiB}Mi`),
        }),
        "What the stack promises to use of its machine.",
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
        "Further services, defined in YAML or JSON files; paths are relative to the project.",
      ).default([]),
      pipelines: describe(
        z.strictObject({
          only: describe(z.array(z.string()), "Deploy these only; absent: all.").optional(),
          overrides: describe(
            z.record(z.string(), pipelineOverride),
            "Per pipeline: what this stack does otherwise than its pipeline.yaml.",
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
            "Version of a secret, by id; a bump rotates it at the next up.",
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
