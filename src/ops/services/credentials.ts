import { masterChanged } from "../../declare.ts";
import { DatalabError } from "../../errors.ts";
import { deriveSecret, masterFingerprint } from "../../model/derive.ts";
import type { PlatformModel } from "../../model/platform.ts";
import { externalKey } from "../../model/refs.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import { pulumiRead } from "../engine/pulumi-cli.ts";
import { suggest } from "../suggest.ts";
import { type ReadOptions, readPlatform } from "./platform.ts";

/** The secrets of a stack, derived on demand: nothing is kept but the master secret, in memory. */
export interface Credentials {
  /** Value of the secret with this id (`<service>/<name>`). */
  value(id: string): string;
  /** Value of a secret from outside that a tool of the platform needs. */
  external(name: string): string;
}

/** Reads the deployed platform and what opens it, both at once. */
export async function readPlatformAndCredentials(
  project: string,
  stack: string,
  options: ReadOptions = {},
): Promise<{ platform: PlatformOutput; credentials: Credentials }> {
  const [platform, master] = await Promise.allSettled([
    readPlatform(project, stack, options),
    readMaster(project, stack),
  ]);
  // Not being deployed explains a missing secret, not the other way round.
  if (platform.status === "rejected") throw platform.reason;
  if (master.status === "rejected") throw master.reason;
  checkMaster(platform.value, master.value);
  const names = Object.values(platform.value.tools).flatMap(({ bucket }) => bucket?.external ?? []);
  const given = await Promise.all(
    [...new Set(names)].map(async (name) => [name, await readExternal(project, stack, name)] as const),
  );
  return {
    platform: platform.value,
    credentials: credentialsOf(platform.value, master.value, new Map(given)),
  };
}

export function credentialsOf(
  platform: PlatformOutput,
  master: string,
  given: ReadonlyMap<string, string> = new Map(),
): Credentials {
  return {
    value: (id) => secretValue(platform, master, id),
    external(name) {
      const value = given.get(name);
      if (value !== undefined) return value;
      throw new DatalabError("E_SECRET", `The stack ${platform.stack} has no external secret "${name}".`, {
        hint: `Run: ./datalab secrets set ${name} --stack ${platform.stack}`,
      });
    },
  };
}

const readExternal = async (project: string, stack: string, name: string): Promise<string> =>
  (await pulumiRead(project, stack, ["config", "get", `datalab:${externalKey(name)}`])).trim();

/** Derives one secret of the platform. */
export function secretValue(platform: PlatformOutput, master: string, id: string): string {
  const secret = platform.secrets.find((each) => each.id === id);
  if (secret) return deriveSecret(master, platform.stack, secret);
  const ids = platform.secrets.map((each) => each.id);
  throw new DatalabError("E_SECRET", `The stack ${platform.stack} has no secret "${id}".`, {
    hint: suggest(id, ids),
  });
}

/** One secret of a deployed platform. */
export async function readSecret(project: string, platform: PlatformOutput, id: string): Promise<string> {
  const master = await readMaster(project, platform.stack);
  checkMaster(platform, master);
  return secretValue(platform, master, id);
}

/** Derives one secret of a model that is being deployed. */
export async function modelSecret(project: string, model: PlatformModel, id: string): Promise<string> {
  const found = model.secrets.find((each) => each.id === id);
  if (!found) throw new Error(`the model has no secret ${id}`);
  return deriveSecret(await readMaster(project, model.stack), model.stack, found);
}

/** Throws E_MASTER_CHANGED where what it derives would open nothing. */
function checkMaster({ stack, masterFingerprint: deployed }: PlatformOutput, master: string): void {
  if (deployed !== undefined && deployed !== masterFingerprint(master)) throw masterChanged(stack);
}

/** The secret that every other secret of a stack is derived from. */
export async function readMaster(project: string, stack: string): Promise<string> {
  const master = (await pulumiRead(project, stack, ["config", "get", "datalab:masterSecret"])).trim();
  if (master.length >= 32) return master;
  throw new DatalabError("E_MASTER_SECRET", `The master secret of stack ${stack} is too short.`, {
    hint: `It is datalab:masterSecret in Pulumi.${stack}.yaml; restore the file from your backup or repository.`,
  });
}
