import { z } from "zod";
import { bucket, secret } from "../model/needs.ts";
import { defineService, type PartContext } from "../model/service.ts";
import { bucketSizes, writeAndRead } from "./object-store/checks.ts";
import { engineVariable, type StoreEngine, whoHoldsData } from "./object-store/engine.ts";
import { minio, minioMetrics } from "./object-store/minio.ts";
import { versitygw, versitygwVolume } from "./object-store/versitygw.ts";

/** What can answer the object store. Everything else speaks plain S3 and does not know which one does. */
export const storeEngines = { minio, versitygw } satisfies Record<string, StoreEngine>;
export type EngineName = keyof typeof storeEngines;

const options = z.strictObject({
  engine: z
    .enum(Object.keys(storeEngines) as [EngineName, ...EngineName[]])
    .default("minio")
    .describe(
      "What stores the objects; see docs/object-store.md. To change it on a stack that has data: ./datalab data migrate-store.",
    )
    .meta({ owner: "data" }),
});
type Options = z.output<typeof options>;
const needs = { admin: secret({ user: "admin", opens: "the console" }) };
type Context = PartContext<typeof needs, Options>;

const engineOf = ({ options }: Pick<Context, "options">): StoreEngine => storeEngines[options.engine];
const contextOf = ({ needs, grants, publicUrl }: Context) => ({
  admin: needs.admin,
  grants: grants.bucket,
  publicUrl: (endpoint: "s3" | "console") => publicUrl("main", endpoint),
});

export const objectStore = defineService({
  name: "object-store",
  summary: "S3 object storage: the lake's buckets and artifacts.",
  version: ({ engine }: Options) => storeEngines[engine].version,
  options,
  needs,
  provides: { bucket: { part: "main", endpoint: "s3" } },
  parts: {
    main: {
      enabled: (_options, { external }) => external.bucket === null,
      image: "services",
      command: () => ["bash", "/run/datalab/start.sh"],
      env: (ctx) => ({
        ...engineOf(ctx).env(contextOf(ctx)),
        [engineVariable]: ctx.options.engine,
        HOME: "/tmp",
      }),
      files: (ctx) => ({
        "start.sh": `set -eu\n${whoHoldsData}${engineOf(ctx).start}`,
        ...engineOf(ctx).files(contextOf(ctx)),
      }),
      endpoints: {
        // Every request is signed with a key of its own; the console has a login of its own.
        s3: {
          port: 9000,
          protocol: "http",
          summary: "the S3 API",
          published: 9000,
          auth: "own",
          internal: [minioMetrics],
        },
        console: {
          port: 9001,
          protocol: "http",
          summary: "the console",
          published: 9001,
          browser: true,
          login: "admin",
          auth: "own",
          cookies: ["token"],
        },
      },
      probe: (ctx) => ({ command: engineOf(ctx).probe, within: "30s" }),
      metrics: {
        main: {
          endpoint: "s3",
          path: `${minioMetrics}/cluster`,
          every: "30s",
          enabled: ({ engine }) => storeEngines[engine] === minio,
        },
      },
      volumes: {
        // The first engine's, and on every stack: it also says which engine holds the objects.
        data: { path: "/data", size: "20Gi" },
        versitygw: {
          path: versitygwVolume,
          size: "20Gi",
          enabled: ({ engine }) => storeEngines[engine] === versitygw,
        },
      },
      resources: { cpu: "250m", memory: "1Gi" },
      stopGrace: "15s",
    },
  },
  checks: {
    "write-read": {
      summary: "An object is written, read back, protected from a second writer, and deleted.",
      needs: { bucket: bucket("health") },
      run: async (ctx) => {
        await writeAndRead(ctx);
        return undefined;
      },
    },
  },
  collectors: {
    "bucket-sizes": {
      enabled: ({ external }) => external.bucket === null,
      summary: "Objects and bytes of every bucket.",
      every: "5m",
      timeout: "60s",
      secrets: ["admin"],
      run: bucketSizes,
    },
  },
  backup: "every object of every bucket, by ./datalab backup create",
});
