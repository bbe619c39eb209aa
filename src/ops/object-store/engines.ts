import { DatalabError } from "../../errors.ts";
import { imageReference } from "../../images/reference.ts";
import { envFile } from "../../model/env-file.ts";
import type { Environment } from "../../model/environment.ts";
import type { PlatformModel, WorkloadModel } from "../../model/platform.ts";
import { isSecret, type Ref, render, type Text } from "../../model/refs.ts";
import { resolvePlatform } from "../../model/resolve/resolve.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import { migrationVariable } from "../../services/object-store/engine.ts";
import { type EngineName, storeEngines } from "../../services/object-store.ts";
import type { StoreInstance } from "../store-host.ts";

export const engineNames = Object.keys(storeEngines) as EngineName[];

/** The object store of a stack as each engine would answer it. */
export interface Store {
  readonly service: string;
  readonly workload: WorkloadModel;
  readonly model: PlatformModel;
  /** The secret that opens everything, and whose it is. */
  readonly admin: { readonly secret: string; readonly user: string };
  readonly port: number;
}

/** Where the engine stands in the stack's file. */
export const enginePath = (service: string): readonly string[] => ["services", service, "options", "engine"];

/** Resolves the stack as if its configuration said `engine`. */
export function storeWith(environment: Environment, engine: EngineName): Store {
  if (environment.config.external.bucket) {
    throw new DatalabError(
      "E_NO_STORE",
      `The objects of ${environment.stack} are in ${environment.config.external.bucket.url}, which the stack does not manage.`,
    );
  }
  const provider = environment.services.find((s) => s.provides?.bucket);
  const all = environment.config.services as Record<string, { options: object }>;
  const own = provider && all[provider.name];
  if (!provider || !own) {
    throw new DatalabError("E_NO_STORE", `The stack ${environment.stack} has no object store.`);
  }
  const services = { ...all, [provider.name]: { ...own, options: { ...own.options, engine } } };
  const model = resolvePlatform({
    ...environment,
    config: { ...environment.config, services } as Environment["config"],
  });
  const { part = "", endpoint = "" } = provider.provides?.bucket ?? {};
  const workload = model.services
    .find(({ name }) => name === provider.name)
    ?.workloads.find((w) => w.part === part);
  const admin = workload?.endpoints.find((e) => e.login)?.login;
  const port = workload?.endpoints.find((e) => e.name === endpoint)?.port;
  if (!workload || !admin || port === undefined) {
    throw new DatalabError("E_NO_STORE", `The object store of ${environment.stack} is disabled.`);
  }
  return { service: provider.name, workload, model, admin, port };
}

/**
 * Where the store of a deployed stack answers from outside. Throws when it is not published; `why` it has to
 * be.
 */
export function publishedUrl(
  { service, workload, port }: Store,
  platform: PlatformOutput,
  why: string,
): string {
  const served = workload.endpoints.find((endpoint) => endpoint.port === port)?.name;
  const url = platform.services
    .find(({ name }) => name === service)
    ?.endpoints.find((e) => e.workload === workload.name && e.name === served)?.url;
  if (url) return url;
  throw new DatalabError(
    "E_STORE_UNPUBLISHED",
    `The stack ${platform.stack} does not publish its object store.`,
    { hint: `${why}: set a number for its S3 port in the configuration.` },
  );
}

/** What is configured now. */
export function configuredEngine(environment: Environment): EngineName {
  const provider = environment.services.find((s) => s.provides?.bucket)?.name ?? "";
  const all = environment.config.services as Record<string, { options: { engine?: EngineName } } | undefined>;
  return all[provider]?.options.engine as EngineName;
}

/** The engine with all its references answered, to be run beside the stack. */
export function storeInstance(store: Store, name: EngineName, secret: (id: string) => string): StoreInstance {
  const { workload, model, port } = store;
  const text = (value: Text) => render(value, (ref) => answer(model, ref, secret));
  const env = Object.entries(workload.env);
  const secretEnv = env.filter(([, value]) => isSecret(value));
  return {
    stack: model.stack,
    name,
    workload,
    image: imageReference(workload.image, model.images),
    command: workload.command.map(text),
    env: {
      ...Object.fromEntries(env.filter(([, v]) => !isSecret(v)).map(([key, v]) => [key, text(v)])),
      [migrationVariable]: "1",
    },
    files: {
      ...Object.fromEntries(Object.entries(workload.files).map(([file, v]) => [file, text(v)])),
      env: envFile(secretEnv.map(([key, v]) => [key, text(v)])),
    },
    probe: workload.probe?.command ?? ["true"],
    port,
  };
}

function answer(model: PlatformModel, ref: Ref, secret: (id: string) => string): string {
  if (ref.ref === "secret") return secret(ref.id);
  if (ref.ref !== "address" && ref.ref !== "publicUrl") {
    throw new Error(`the object store has no ${ref.ref} to be answered`);
  }
  const endpoint = model.services
    .flatMap((s) => s.workloads)
    .find((w) => w.name === ref.workload)
    ?.endpoints.find((e) => e.name === ref.endpoint);
  if (!endpoint) throw new Error(`the model has no endpoint ${ref.endpoint} of ${ref.workload}`);
  if (ref.ref === "publicUrl") {
    return endpoint.published === null ? "" : `${endpoint.scheme}://127.0.0.1:${endpoint.published}`;
  }
  if (ref.part === "host") return ref.workload;
  return ref.part === "port"
    ? String(endpoint.port)
    : `${endpoint.scheme}://${ref.workload}:${endpoint.port}`;
}
