import { DatalabError } from "../../errors.ts";
import { instanceName, labelNames, volumeName } from "../../model/names.ts";
import { lastLines } from "../process.ts";
import type { RunningStore, StoreHost, StoreInstance } from "../store-host.ts";
import { dockerJson, dockerLines, dockerRun, dockerText } from "./cli.ts";
import { confinement, ensureDataVolume, labelled } from "./helper-container.ts";

const role = "migration";
const files = "/run/datalab";

/** Runs a store's engines beside the stack: on no network of its, reached from this machine alone. */
export const dockerStoreHost: StoreHost = {
  async environment(stack, workload) {
    const instance = instanceName(stack, workload);
    const { code, stdout } = await dockerRun(["inspect", "--format", "{{json .Config.Env}}", instance]);
    if (code !== 0) return undefined;
    const lines = JSON.parse(stdout) as string[];
    return Object.fromEntries(lines.map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]));
  },

  async hasVolume(stack, workload, volume) {
    const name = volumeName(stack, workload, volume);
    return (await dockerRun(["volume", "inspect", name])).code === 0;
  },

  async onVolume({ stack, workload, image }, volume, script) {
    const mount = `${volumeName(stack, workload.name, volume.name)}:${volume.path}`;
    const args = ["--network", "none", ...confinement, "--volume", mount, "--entrypoint", "bash"];
    return dockerText(["run", "--rm", "--interactive", ...labels(stack, workload), ...args, image], {
      input: script,
    });
  },

  async start(instance) {
    const name = engineInstanceName(instance);
    const { stack, workload, image } = instance;
    await removeInstance(instance);
    try {
      for (const volume of workload.volumes)
        await ensureDataVolume(stack, workload.service, volumeName(stack, workload.name, volume.name));
      await dockerText(["volume", "create", ...labels(stack, workload), `${name}-files`]);
      await writeFiles(instance);
      const mounts = [
        ...workload.volumes.map((v) => `${volumeName(stack, workload.name, v.name)}:${v.path}`),
        `${name}-files:${files}:ro`,
      ].flatMap((mount) => ["--volume", mount]);
      await dockerText([
        ...[
          "run",
          "--detach",
          "--name",
          name,
          "--network",
          "bridge",
          "--publish",
          `127.0.0.1::${instance.port}`,
        ],
        ...[...labels(stack, workload), ...confinement],
        ...["--tmpfs", "/tmp:rw,nosuid,nodev,size=64m,mode=1777", "--memory", String(workload.memoryBytes)],
        ...["--stop-timeout", String(workload.stopGraceSeconds), ...mounts],
        ...Object.entries(instance.env).flatMap(([key, value]) => ["--env", `${key}=${value}`]),
        ...[image, ...instance.command],
      ]);
      return await ready(instance);
    } catch (error) {
      await removeInstance(instance);
      throw error;
    }
  },

  async stopInstance(stack, workload) {
    const instance = instanceName(stack, workload);
    if ((await dockerRun(["inspect", instance])).code === 0) await dockerText(["stop", instance]);
  },

  async startInstance(stack, workload) {
    const instance = instanceName(stack, workload);
    if ((await dockerRun(["inspect", instance])).code !== 0) return false;
    await dockerText(["start", instance]);
    return true;
  },

  async isRunning(stack, workload) {
    const args = ["inspect", "--format", "{{.State.Running}}", instanceName(stack, workload)];
    return (await dockerRun(args)).stdout.trim() === "true";
  },

  removal(stack, workload, volume, paths) {
    const name = volumeName(stack, workload, volume);
    const remove = paths
      ? `docker exec ${instanceName(stack, workload)} rm -rf ${paths.join(" ")}`
      : `docker volume rm ${name}`;
    return { volume: name, remove };
  },

  async removeInstances(stack) {
    const filter = [
      "--filter",
      `label=${labelNames.stack}=${stack}`,
      "--filter",
      `label=${labelNames.role}=${role}`,
    ];
    const containers = await dockerLines(["ps", "--all", "--quiet", ...filter]);
    if (containers.length > 0) await dockerText(["rm", "--force", ...containers]);
    const volumes = await dockerLines(["volume", "ls", "--quiet", ...filter]);
    if (volumes.length > 0) await dockerText(["volume", "rm", ...volumes]);
  },
};

const engineInstanceName = ({ stack, workload, name }: StoreInstance): string =>
  instanceName(stack, `${workload.name}-migration-${name}`);

const labels = (stack: string, { service }: StoreInstance["workload"]): string[] =>
  labelled(stack, service, role);

/** Files and secret variables reach their volume on standard input: no argument, no variable holds one. */
async function writeFiles(instance: StoreInstance): Promise<void> {
  const script = Object.entries(instance.files)
    .map(
      ([file, text]) =>
        `base64 --decode >${files}/${file} <<'END'\n${Buffer.from(text).toString("base64")}\nEND\n`,
    )
    .join("");
  const mount = ["--volume", `${engineInstanceName(instance)}-files:${files}`];
  const args = ["--rm", "--interactive", "--network", "none", "--user", "0:0", ...mount];
  const given = labels(instance.stack, instance.workload);
  await dockerText(["run", ...args, ...given, "--entrypoint", "bash", instance.image], {
    input: `set -eu\n${script}`,
  });
}

async function ready(instance: StoreInstance): Promise<RunningStore> {
  const name = engineInstanceName(instance);
  for (let tries = 0; tries < 600; tries++) {
    const [state] = await dockerJson<{ State: { Running: boolean; ExitCode: number } }>(["inspect", name]);
    if (!state?.State.Running) {
      const { stdout, stderr } = await dockerRun(["logs", "--tail", "20", name]);
      throw new DatalabError(
        "E_STORE_START",
        `The engine ${instance.name} ended with ${state?.State.ExitCode}:\n${lastLines(stdout + stderr, 10)}`,
      );
    }
    if ((await dockerRun(["exec", name, ...instance.probe])).code === 0) {
      const [bound = ""] = await dockerLines(["port", name, String(instance.port)]);
      return { url: `http://${bound}`, stop: () => removeInstance(instance, true) };
    }
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new DatalabError("E_STORE_START", `The engine ${instance.name} was not ready within two minutes.`);
}

/** Gracefully first: what it has acknowledged must be in its volume. */
async function removeInstance(instance: StoreInstance, gracefully = false): Promise<void> {
  const name = engineInstanceName(instance);
  if (gracefully) await dockerRun(["stop", name]);
  await dockerRun(["rm", "--force", name]);
  await dockerRun(["volume", "rm", "--force", `${name}-files`]);
}
