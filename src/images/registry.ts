/** Asks a registry which digest a tag has. Pushing is Docker's: this only tells what is there. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { DatalabError } from "../errors.ts";
import { basicAuth } from "../model/basic-auth.ts";

const accept = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");
const answerMs = 15_000;
const unreachable = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"];

/** `registry.example.com/team` -> the host that is asked, and the path before each image's name. */
export function splitRegistry(registry: string): { readonly host: string; readonly path: string } {
  const [host = "", ...path] = registry.split("/");
  return { host, path: path.map((part) => `${part}/`).join("") };
}

/** Docker, too, speaks plain HTTP with what runs on this very machine. */
const isLocal = (host: string): boolean => /^(?:localhost|127\.[\d.]+|\[::1\])(?::\d+)?$/.test(host);

/**
 * The digest of a tag; undefined when there is none, or when the registry does not say: pushing then shows
 * why. Throws when nothing answers there.
 */
export async function remoteDigest(
  registry: string,
  name: string,
  tag: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { host, path } = splitRegistry(registry);
  const url = `${isLocal(host) ? "http" : "https"}://${host}/v2/${path}${name}/manifests/${tag}`;
  const login = loginOf(host);
  const head = (authorization?: string) =>
    fetch(url, {
      method: "HEAD",
      headers: { accept, ...(authorization && { authorization }) },
      signal: AbortSignal.any([AbortSignal.timeout(answerMs), ...(signal ? [signal] : [])]),
    });
  try {
    let answer = await head();
    if (answer.status === 401) {
      const authorization = await authorize(answer.headers.get("www-authenticate") ?? "", login);
      if (authorization) answer = await head(authorization);
    }
    return answer.ok ? (answer.headers.get("docker-content-digest") ?? undefined) : undefined;
  } catch (error) {
    if (signal?.aborted) throw error;
    const code = (error as { cause?: { code?: string } }).cause?.code ?? "";
    if (unreachable.includes(code)) throw registryUnreachable(host, code);
    return undefined;
  }
}

export const registryUnreachable = (host: string, reason: string): DatalabError =>
  new DatalabError("E_REGISTRY_UNREACHABLE", `The registry ${host} does not answer (${reason}).`, {
    hint: "Check the name, and that the registry runs. --to expects a host, with port and path if it has them.",
  });

export const registryRefuses = (host: string, reason: string): DatalabError =>
  new DatalabError("E_REGISTRY_LOGIN", `The registry ${host} refuses this user: ${reason}`, {
    hint: `docker login ${host}`,
  });

/** Answers the registry's challenge: with the login itself, or with a token that the login buys. */
async function authorize(challenge: string, login: string | undefined): Promise<string | undefined> {
  if (/^basic\b/i.test(challenge)) return login;
  const fields = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]));
  const realm = fields.get("realm");
  if (!/^bearer\b/i.test(challenge) || !realm) return undefined;
  const url = new URL(realm);
  for (const key of ["service", "scope"]) {
    const value = fields.get(key);
    if (value) url.searchParams.set(key, value);
  }
  const answer = await fetch(url, {
    headers: login ? { authorization: login } : {},
    signal: AbortSignal.timeout(answerMs),
  });
  if (!answer.ok) return undefined;
  const { token, access_token: other } = (await answer.json()) as { token?: string; access_token?: string };
  return `Bearer ${token ?? other}`;
}

interface DockerConfig {
  readonly auths?: Readonly<Record<string, { readonly auth?: string }>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

/** The header of the login that `docker login` has kept, there in base64. */
function loginOf(host: string): string | undefined {
  const file = join(process.env.DOCKER_CONFIG || join(homedir(), ".docker"), "config.json");
  if (!existsSync(file)) return undefined;
  const config = JSON.parse(readFileSync(file, "utf8")) as DockerConfig;
  const kept = config.auths?.[host]?.auth ?? config.auths?.[`https://${host}`]?.auth;
  if (kept) return `Basic ${kept}`;
  const helper = config.credHelpers?.[host] ?? config.credsStore;
  if (!helper) return undefined;
  const asked = spawnSync(`docker-credential-${helper}`, ["get"], { input: host, encoding: "utf8" });
  if (asked.status !== 0) return undefined;
  const { Username, Secret } = JSON.parse(asked.stdout) as { Username: string; Secret: string };
  return basicAuth({ user: Username, password: Secret });
}
