import { PassThrough, type Readable } from "node:stream";
import { S3Client } from "@aws-sdk/client-s3";
import { DatalabError } from "../config/error.ts";
import type { PlatformOutput, ServiceOutput } from "../outputs/platform.ts";
import { readPlatformAndCredentials } from "./credentials.ts";
import { declare } from "./deployment.ts";
import { lakeOf } from "./lake.ts";
import { lastLines } from "./process.ts";
import { type Runtime, runtimeOf } from "./runtime.ts";
import { bucketName, clientConfig, secretKeyOf } from "./store-access.ts";
import { bucketNames, connect } from "./store-inventory.ts";
import { configuredEngine, publishedUrl, storeWith } from "./store-sides.ts";
import { agentBy, wayInOf } from "./way-in.ts";

/** A running stack, as something that has data to be saved, or to be brought back to. */
export interface DataSource {
  readonly platform: PlatformOutput;
  readonly runtime: Runtime;
  /** What can be dumped, and by what. */
  readonly dumpers: readonly Dumper[];
  readonly objects: ObjectSource;
  /** Services that hold what is saved. */
  readonly holders: readonly ServiceOutput[];
  /** Volumes whose content is saved, `<workload>-<volume>`. */
  readonly covers: readonly string[];
  close(): void;
}

export interface ObjectSource {
  readonly client: S3Client;
  /** Names without the stack's prefix. */
  names(): Promise<string[]>;
  /** What the store calls a bucket. */
  at(name: string): string;
  /** Whether buckets may be made there: those of a store outside are its owner's. */
  readonly own: boolean;
}

/** One workload that knows how to dump what it holds. See Dump in the vocabulary. */
export interface Dumper {
  readonly service: string;
  readonly workload: string;
  list(): Promise<string[]>;
  /** Content of a dump; the stream ends with an error when it could not be made to its end. */
  save(name: string): Readable;
  load(name: string, dump: Readable): Promise<void>;
  digest(name: string): Promise<string>;
  digestSaved(dump: Readable): Promise<string>;
  swap(): Promise<void>;
  discard(): Promise<void>;
}

/** Opens a deployed stack. */
export async function openSource(project: string, stack: string): Promise<DataSource> {
  const { environment } = declare(project, stack);
  const { platform, credentials } = await readPlatformAndCredentials(project, stack);
  const runtime = await runtimeOf(platform);
  const workloads = platform.services.flatMap((service) => service.workloads.map((w) => ({ service, ...w })));
  const dumping = workloads.filter((w) => w.dump);

  const store = environment.config.external.bucket
    ? undefined
    : storeWith(environment, configuredEngine(environment));
  const holder = store && platform.services.find(({ name }) => name === store.service);
  let objects: ObjectSource;
  if (store) {
    const { admin } = store;
    const url = publishedUrl(store, platform, "Backups read it there");
    const secretKey = credentials.value(admin.secret);
    const client = connect({ url, accessKey: admin.user, secretKey, agent: agentBy(wayInOf(platform)) });
    objects = { client, own: true, names: () => bucketNames(client), at: (name) => name };
  } else {
    const { bucket } = lakeOf(platform);
    if (!bucket)
      throw new DatalabError("E_NO_LAKE", `The stack ${stack} does not say where its buckets are.`);
    const client = new S3Client(clientConfig(bucket, secretKeyOf(bucket, credentials)));
    objects = {
      client,
      own: false,
      names: async () => [...bucket.names].sort(),
      at: (name) => bucketName(bucket, name),
    };
  }
  const holders = platform.services.filter(
    (service) => service === holder || dumping.some((w) => w.service === service),
  );
  return {
    platform,
    runtime,
    objects,
    holders,
    dumpers: dumping.map((w) => dumperOf(runtime, w.service.name, w.name, w.instance, w.dump?.command ?? [])),
    covers: [
      ...dumping.flatMap((w) => w.dump?.volumes ?? []),
      ...(store?.workload.volumes.map(({ name }) => `${store.workload.name}-${name}`) ?? []),
    ],
    close: () => objects.client.destroy(),
  };
}

function dumperOf(
  runtime: Runtime,
  service: string,
  workload: string,
  instance: string,
  command: readonly string[],
): Dumper {
  const call = async (words: readonly string[], options: Parameters<Runtime["exec"]>[2] = {}) => {
    const ran = await runtime.exec(instance, [...command, ...words], options);
    if (ran.code === 0) return ran.stdout.trim();
    throw new DatalabError("E_DUMP", `${instance} can't ${words.join(" ")}: ${lastLines(ran.stderr, 4)}`);
  };
  return {
    service,
    workload,
    list: async () => (await call(["list"])).split("\n").filter((line) => line !== ""),
    save(name) {
      const dump = new PassThrough();
      // Its end is the end of the program: what was cut off must not look whole.
      const output = new PassThrough();
      output.pipe(dump, { end: false });
      call(["save", name], { output }).then(
        () => (output.readableEnded ? dump.end() : output.once("end", () => dump.end())),
        (error: Error) => dump.destroy(error),
      );
      return dump;
    },
    load: async (name, dump) => void (await call(["load", name], { input: dump })),
    digest: (name) => call(["digest", name]),
    digestSaved: (dump) => call(["digest-saved"], { input: dump }),
    swap: async () => void (await call(["swap"])),
    discard: async () => void (await call(["discard"])),
  };
}
