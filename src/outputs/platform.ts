import { z } from "zod";

/**
 * The stack output `platform`: what the program tells the CLI, the dashboard, docs and CI. They read this and
 * nothing else. It holds no secret, only the ids of secrets.
 */
export const platformOutput = z.strictObject({
  stack: z.string(),
  /** Id of this installation of the stack, which is on the labels of its objects; absent: an older one. */
  installation: z.string().optional(),
  /**
   * Tells the master secret that it was deployed with from any other; absent: an older version deployed it.
   */
  masterFingerprint: z.string().optional(),
  target: z.enum(["docker", "kubernetes", "aws"]),
  /** Hash over images, pipelines and configuration: what is deployed. */
  release: z.string(),
  core: z.strictObject({
    url: z.string(),
    /**
     * Id of the secret that opens it, and every API behind the gateway, as a bearer token; null: none is
     * asked for.
     */
    token: z.string().nullable(),
  }),
  /** The account that it runs in; absent: in none. */
  aws: z
    .strictObject({
      accountId: z.string(),
      region: z.string(),
      /** The cluster's name, which is its context in a kubeconfig as well. */
      cluster: z.string(),
      /** Where images of the stack are pushed to. */
      registry: z.string(),
    })
    .optional(),
  /** The cluster that it runs in, for the command line; null or absent: it runs in none. */
  kubernetes: z
    .strictObject({
      /** Context of the kubeconfig; null: the target made the cluster and no context is known. */
      context: z.string().nullable(),
      /** Path of the kubeconfig; null: $KUBECONFIG, else the user's own. */
      kubeconfig: z.string().nullable(),
      namespace: z.string(),
      /** `host:port` where the way in answers while its names are in no DNS; null: they are. */
      address: z.string().nullable(),
      /** Certificate of the authority that vouches for the way in, PEM; null: one that everybody knows. */
      ca: z.string().nullable(),
    })
    .nullable()
    .optional(),
  services: z.array(
    z.strictObject({
      name: z.string(),
      summary: z.string(),
      version: z.string(),
      owner: z.string(),
      backup: z.string(),
      /** Services that it needs: they start before it and stop after it. */
      dependsOn: z.array(z.string()),
      workloads: z.array(
        z.strictObject({
          name: z.string(),
          /** What the target calls it: a container's name on Docker. */
          instance: z.string(),
          image: z.string(),
          oneShot: z.boolean(),
          stopGraceSeconds: z.number(),
          /** Workloads that must answer before it starts. */
          after: z.array(z.string()),
          /** Run inside it before a planned stop. */
          drain: z.strictObject({ command: z.array(z.string()), withinSeconds: z.number() }).nullable(),
          /**
           * How what it holds in these volumes gets into a backup; absent: it needs none, or there is no way.
           */
          dump: z.strictObject({ command: z.array(z.string()), volumes: z.array(z.string()) }).optional(),
          /** Folders of people that it makes, each in a volume of its own; absent: it makes none. */
          homes: z
            .array(
              z.strictObject({
                key: z.string(),
                path: z.string(),
                sizeBytes: z.number(),
                /** Of their claims in a cluster; null: the cluster's default, or there is no cluster. */
                storageClass: z.string().nullable(),
              }),
            )
            .optional(),
        }),
      ),
      endpoints: z.array(
        z.strictObject({
          name: z.string(),
          workload: z.string(),
          summary: z.string(),
          protocol: z.enum(["http", "tcp"]),
          browser: z.boolean(),
          /** Who asks for a login; absent in what was deployed before there was a gateway. */
          auth: z.enum(["gateway", "own"]).optional(),
          /** Where people and programs outside reach it; null: not published. */
          url: z.string().nullable(),
          internalUrl: z.string(),
          login: z.strictObject({ user: z.string(), secret: z.string() }).nullable(),
        }),
      ),
      checks: z.array(z.strictObject({ name: z.string(), summary: z.string() })),
    }),
  ),
  /**
   * By capability; absent in what was deployed before there were any. `endpoint` is null where the service is
   * disabled.
   */
  providers: z
    .record(
      z.string(),
      z.strictObject({
        service: z.string(),
        workload: z.string().nullable(),
        endpoint: z.string().nullable(),
      }),
    )
    .optional(),
  secrets: z.array(
    z.strictObject({
      id: z.string(),
      version: z.number(),
      login: z.strictObject({ user: z.string(), opens: z.string() }).nullable(),
    }),
  ),
  pipelines: z.array(
    z.strictObject({
      name: z.string(),
      summary: z.string(),
      version: z.string(),
      schedule: z.string(),
      paused: z.boolean(),
      /** Whether its runs write a report; absent: they write none. */
      report: z.boolean().optional(),
    }),
  ),
  volumes: z.array(
    z.strictObject({
      name: z.string(),
      service: z.string(),
      policy: z.enum(["retain", "delete"]),
      sizeBytes: z.number(),
    }),
  ),
  /** Command-line tools inside the platform, by capability (`lake`). */
  tools: z.record(
    z.string(),
    z.strictObject({
      workload: z.string(),
      instance: z.string(),
      command: z.array(z.string()),
      /** Object store access of the workload that carries the tool, as reached from outside. */
      bucket: z
        .strictObject({
          url: z.string(),
          region: z.string(),
          accessKey: z.string(),
          /** Id of the secret that is the secret key; null: see `external`. */
          secret: z.string().nullable(),
          /**
           * Name of the secret from outside that is the key; with none and no `secret`: the caller's own
           * identity.
           */
          external: z.string().optional(),
          names: z.array(z.string()),
          /** What stands before a bucket's own name; absent in what was deployed before there was one. */
          prefix: z.string().optional(),
        })
        .nullable(),
    }),
  ),
});

export type PlatformOutput = z.infer<typeof platformOutput>;
export type ServiceOutput = PlatformOutput["services"][number];
