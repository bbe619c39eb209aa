/** Hands images over to a registry, with Docker. */
import { DatalabError } from "../errors.ts";
import { dockerBinary, run } from "./docker.ts";
import { repositoryOf } from "./reference.ts";
import { registryRefuses, registryUnreachable, splitRegistry } from "./registry.ts";

export interface PushOptions {
  readonly onProgress?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** Pushes a local image under a name of the registry, and returns the digest that it has there. */
export async function pushImage(local: string, remote: string, options: PushOptions = {}): Promise<string> {
  const { onProgress, signal } = options;
  const docker = dockerBinary();
  const tagged = await run(docker, ["tag", local, remote], { signal });
  if (tagged.code !== 0) throw pushFailed(remote, tagged.lines);
  try {
    const layers = new Map<string, string>();
    const pushed = await run(docker, ["push", remote], {
      signal,
      onLine: (line) => {
        const [, layer, state] = /^([0-9a-f]{12}): (.+)$/.exec(line) ?? [];
        if (layer && state) layers.set(layer, state);
        const there = [...layers.values()].filter((s) =>
          /^(?:Pushed|Layer already exists|Mounted)/.test(s),
        ).length;
        if (layer) onProgress?.(`${there} of ${layers.size} layers`);
      },
    });
    if (pushed.code !== 0) throw pushFailed(remote, pushed.lines);
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed.lines.join("\n"))?.[1];
    if (digest) return digest;
    throw pushFailed(remote, ["Docker did not report its digest", ...pushed.lines]);
  } finally {
    // Only the second name of it: otherwise an earlier version would never be removed.
    await run(docker, ["image", "rm", remote]);
  }
}

/**
 * The digest that an image from a public registry has there; undefined: this Docker has it from elsewhere.
 */
export async function publicDigest(reference: string): Promise<string | undefined> {
  const found = await run(dockerBinary(), [
    "image",
    "inspect",
    "--format",
    "{{json .RepoDigests}}",
    reference,
  ]);
  const repository = repositoryOf(reference);
  const digests = found.code === 0 ? (JSON.parse(found.lines[0] || "[]") as string[]) : [];
  // Docker leaves out the registry's own name where it is the usual one.
  const own = digests.find((each) => each.split("@")[0] === repository.replace(/^docker\.io\//, ""));
  return (own ?? digests.find((each) => each.startsWith(`${repository}@`)))?.split("@")[1];
}

function pushFailed(remote: string, lines: readonly string[]): DatalabError {
  const { host } = splitRegistry(remote);
  const last = lines.filter((line) => !/^[0-9a-f]{12}: /.test(line)).at(-1) ?? "no reason given";
  const text = lines.join("\n");
  if (/unauthorized|authentication required|no basic auth credentials|denied/i.test(text))
    return registryRefuses(host, last);
  if (/connection refused|no such host|i\/o timeout|no route to host|network is unreachable/i.test(text))
    return registryUnreachable(host, last);
  if (/HTTP response to HTTPS client/i.test(text)) {
    return new DatalabError("E_REGISTRY", `The registry ${host} speaks plain HTTP, which Docker refuses.`, {
      hint: 'Give it a certificate, or add it to "insecure-registries" in Docker\'s daemon.json.',
    });
  }
  return new DatalabError("E_REGISTRY", `${remote} can't be pushed: ${last}`);
}
