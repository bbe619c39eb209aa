/**
 * The same model as a docker-compose file: what a person would write by hand to run exactly these containers.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { imageTag } from "../../src/images/catalog.ts";
import { labelNames, replicaNames } from "../../src/model/names.ts";
import type { PlatformModel, WorkloadModel } from "../../src/model/platform.ts";
import { isSecret, type Ref, render, type Text } from "../../src/model/refs.ts";

const ceilMebibytes = (bytes: number) => Math.ceil(bytes / 2 ** 20);

export interface ComposeFile {
  readonly path: string;
  /** What opens the core behind a gateway. */
  readonly token: string | undefined;
}

const dockerSocket = "/var/run/docker.sock";

/** Writes docker-compose.json and the files that containers mount. */
export function writeComposeFile(model: PlatformModel, folder: string): ComposeFile {
  const secrets = new Map(model.secrets.map(({ id }) => [id, randomBytes(30).toString("base64url")]));
  const workloads = model.services.flatMap((service) => service.workloads);
  const endpoint = (ref: { workload: string; endpoint: string }) => {
    const found = workloads
      .find((w) => w.name === ref.workload)
      ?.endpoints.find((e) => e.name === ref.endpoint);
    if (!found) throw new Error(`the model has no endpoint ${ref.endpoint} of ${ref.workload}`);
    return found;
  };
  const answer = (ref: Ref): string => {
    if (ref.ref === "secret") return secrets.get(ref.id) as string;
    if (ref.ref === "image") return imageTag(ref.name);
    if (ref.ref === "outside") throw new Error("the bench measures stacks of their own servers");
    if (ref.ref === "external") throw new Error(`the bench gives no secret ${ref.name}`);
    const { port, scheme, published } = endpoint(ref);
    if (ref.ref === "publicUrl") return published === null ? "" : `${scheme}://127.0.0.1:${published}`;
    if (ref.part === "host") return ref.workload;
    return ref.part === "port" ? String(port) : `${scheme}://${ref.workload}:${port}`;
  };
  const text = (value: Text) => render(value, answer);
  // Compose reads $ as a variable of its own.
  const escaped = (value: string) => value.replaceAll("$", "$$$$");

  const service = (workload: WorkloadModel, name: string) => {
    const env = Object.entries(workload.env);
    const files = Object.entries(workload.files).map(([name, value]) => [name, text(value)] as const);
    const hidden = env
      .filter(([, value]) => isSecret(value))
      .map(([name, value]) => `${name}='${text(value)}'\n`);
    const all = hidden.length > 0 ? [...files, ["env", hidden.join("")] as const] : files;
    const mounted = join(folder, workload.name);
    for (const [name, content] of all) {
      mkdirSync(mounted, { recursive: true, mode: 0o755 });
      writeFileSync(join(mounted, name), content);
      chmodSync(join(mounted, name), 0o444);
    }
    const wait = workload.waitFor.map((w) => `${w.workload}:${w.port}`).join(" ");
    const plain = env
      .filter(([, value]) => !isSecret(value))
      .map(([name, value]) => [name, escaped(text(value))] as const);
    const ports = workload.ports.map((p) => `127.0.0.1:${p.external}:${p.internal}`);
    return {
      image: imageTag(workload.image),
      hostname: name,
      networks: { default: { aliases: [workload.name] } },
      labels: {
        [labelNames.stack]: model.stack,
        [labelNames.service]: workload.service,
        [labelNames.workload]: name,
      },
      command: workload.command.map((word) => escaped(text(word))),
      environment: Object.fromEntries([
        ...plain,
        ...(wait ? [["DATALAB_WAIT", wait] as const, ["DATALAB_WAIT_SECONDS", "300"] as const] : []),
      ]),
      volumes: [
        ...workload.volumes.map((v) => `${workload.name}-${v.name}:${v.path}`),
        ...(all.length > 0 ? [`${mounted}:/run/datalab:ro`] : []),
        ...(workload.host.includes("containers") ? [`${dockerSocket}:${dockerSocket}:ro`] : []),
      ],
      ...(workload.host.includes("containers") && { group_add: [String(statSync(dockerSocket).gid)] }),
      ...(ports.length > 0 && { ports }),
      ...(workload.waitFor.length > 0 && {
        depends_on: [...new Set(workload.waitFor.map((w) => w.workload))],
      }),
      ...(workload.probe &&
        !workload.oneShot && {
          healthcheck: {
            test: ["CMD", ...workload.probe.command],
            interval: `${workload.probe.everySeconds}s`,
            timeout: "5s",
            start_period: `${workload.probe.withinSeconds}s`,
            retries: 3,
          },
        }),
      restart: workload.oneShot ? "no" : "unless-stopped",
      stop_grace_period: `${workload.stopGraceSeconds}s`,
      user: "10001:10001",
      read_only: true,
      tmpfs: [`/tmp:rw,nosuid,nodev,size=${ceilMebibytes(workload.tmpBytes)}m,mode=1777`],
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
      mem_limit: `${ceilMebibytes(workload.memoryBytes)}m`,
      memswap_limit: `${ceilMebibytes(workload.memoryBytes)}m`,
      cpu_shares: Math.max(2, Math.round((workload.milliCpu * 1024) / 1000)),
      logging: { driver: "json-file", options: { "max-size": "10m", "max-file": "3" } },
    };
  };
  const file = {
    version: "2.4",
    services: Object.fromEntries(
      workloads.flatMap((w) => replicaNames(w.name, w.replicas).map((name) => [name, service(w, name)])),
    ),
    volumes: Object.fromEntries(workloads.flatMap((w) => w.volumes.map((v) => [`${w.name}-${v.name}`, {}]))),
  };
  const path = join(folder, "docker-compose.json");
  writeFileSync(path, JSON.stringify(file, undefined, 2));
  return { path, token: model.token === null ? undefined : secrets.get(model.token) };
}
