import { S3Client } from "@aws-sdk/client-s3";
import { declare } from "../../declare.ts";
import { DatalabError } from "../../errors.ts";
import { s3ClientConfig } from "../../model/s3-client.ts";
import { parseDuration, parseSize } from "../../model/units.ts";
import type { PlatformOutput, ServiceOutput } from "../../outputs/platform.ts";
import { homesOf } from "../homes.ts";
import { lakeOf } from "../lake/lake.ts";
import { bucketName, secretKeyOf } from "../lake/store-access.ts";
import { configuredEngine, publishedUrl, storeWith } from "../object-store/engines.ts";
import { bucketNames, connect } from "../object-store/inventory.ts";
import { readPlatformAndCredentials } from "../services/credentials.ts";
import { agentFor, ingressRouteOf } from "../services/ingress-route.ts";
import type { Runtime } from "../target.ts";
import { runtimeOf } from "../targets.ts";
import { type Dumper, workloadDumper } from "./dumper.ts";
import { homeDumper } from "./home-dumper.ts";

/** A running stack, as something that has data to be saved, or to be brought back to. */
export interface DataSource {
  readonly platform: PlatformOutput;
  readonly runtime: Runtime;
  /** What can be dumped, and by what. */
  readonly dumpers: readonly Dumper[];
  readonly objects: ObjectSource;
  /** What one home may have. */
  readonly homeBytes: number;
  /** Services that hold what is saved, and go on while it is restored. */
  readonly holders: readonly ServiceOutput[];
  /** Services that are stopped for what they hold to be restored. */
  readonly stopped: readonly ServiceOutput[];
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
    const client = connect({
      url,
      accessKey: admin.user,
      secretKey,
      agent: agentFor(ingressRouteOf(platform)),
    });
    objects = { client, own: true, names: () => bucketNames(client), at: (name) => name };
  } else {
    const { bucket } = lakeOf(platform);
    if (!bucket) throw new DatalabError("E_NO_STORE", `The stack ${stack} has no address of its buckets.`);
    const client = new S3Client(s3ClientConfig({ ...bucket, secretKey: secretKeyOf(bucket, credentials) }));
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
  const homes = homesOf(platform);
  const { size, time } = environment.config.backup.homes;
  const limits = { bytes: parseSize(size), seconds: parseDuration(time) };
  return {
    platform,
    runtime,
    objects,
    homeBytes: limits.bytes,
    holders,
    stopped: platform.services.filter(({ name }) => homes.some(({ service }) => service === name)),
    dumpers: [
      ...dumping.map((w) =>
        workloadDumper(runtime, w.service.name, w.name, w.instance, w.dump?.command ?? []),
      ),
      ...homes.map((each) => homeDumper(runtime.homes, each, limits)),
    ],
    covers: [
      ...dumping.flatMap((w) => w.dump?.volumes ?? []),
      ...(store?.workload.volumes.map(({ name }) => `${store.workload.name}-${name}`) ?? []),
    ],
    close: () => objects.client.destroy(),
  };
}
