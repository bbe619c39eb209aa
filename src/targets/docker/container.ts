import { statSync } from "node:fs";
import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import { instanceName, labelNames, replicaNames, volumeName } from "../../model/names.ts";
import type { WorkloadModel } from "../../model/platform.ts";
import { isSecret } from "../../model/refs.ts";
import { createFiles } from "./files.ts";
import { labelList } from "./labels.ts";
import type { WorkloadArgs } from "./workload-args.ts";

/** How long a part waits for what it needs: on a machine with much else to do, a start takes minutes. */
export const waitSeconds = 300;
/** uid and gid of every image. */
const user = "10001";

/** The containers of a workload, one a replica, with the volumes that they mount. */
export function createContainers(args: WorkloadArgs, parent: pulumi.Resource): docker.Container[] {
  const { stack, workload, values } = args;
  const files = createFiles(args, parent);
  const volumes = [...createVolumes(args, parent), ...(files ? [files.mount] : []), ...hostMounts(workload)];
  const wait = workload.waitFor.map(({ workload: name, port }) => `${name}:${port}`).join(" ");

  const create = (name: string) =>
    new docker.Container(
      name,
      {
        name: instanceName(stack, name),
        hostname: name,
        image: args.image,
        command: workload.command.map((text) => values.plain(text)),
        envs: [
          ...Object.entries(workload.env)
            .filter(([, text]) => !isSecret(text))
            .map(([name, text]) => `${name}=${values.plain(text)}`),
          ...(wait ? [`DATALAB_WAIT=${wait}`, `DATALAB_WAIT_SECONDS=${waitSeconds}`] : []),
        ].sort(),
        volumes,
        labels: labelList({
          ...args.owner,
          [labelNames.service]: workload.service,
          [labelNames.workload]: name,
          [labelNames.release]: args.release,
          ...(files && { [labelNames.files]: files.hash }),
          ...(workload.oneShot && { [labelNames.oneShot]: "true" }),
        }),
        ports: workload.ports.map((port) => ({ ...port, ip: "127.0.0.1", protocol: "tcp" })),
        networkMode: "bridge",
        networksAdvanced: [{ name: args.network.name, aliases: [workload.name] }],
        ...lifecycle(workload),
        ...limits(workload),
        ...confinement(workload),
        ...(workload.host.includes("containers") && { groupAdds: [dockerSocketGroup()] }),
        logDriver: "json-file",
        logOpts: { "max-size": "10m", "max-file": "3" },
      },
      {
        parent,
        deleteBeforeReplace: true, // its name and ports are fixed
        dependsOn: [...args.after, ...(files ? [files.holder] : [])],
        customTimeouts: { create: "10m", delete: `${workload.stopGraceSeconds + 60}s` },
      },
    );
  return replicaNames(workload.name, workload.replicas).map(create);
}

const dockerSocket = "/var/run/docker.sock";

function hostMounts(workload: WorkloadModel) {
  if (!workload.host.includes("containers")) return [];
  return [{ hostPath: dockerSocket, containerPath: dockerSocket, readOnly: true }];
}

/** The group that may use the socket; its number is the host's own. */
function dockerSocketGroup(): string {
  return String(statSync(dockerSocket, { throwIfNoEntry: false })?.gid ?? 0);
}

function lifecycle(workload: WorkloadModel): Partial<docker.ContainerArgs> {
  const stop = {
    stopTimeout: workload.stopGraceSeconds,
    destroyGraceSeconds: workload.stopGraceSeconds,
    stopSignal: "SIGTERM",
    // Readiness is the functional checks' business: the engine would poll on after a container has died.
    wait: false,
  };
  if (workload.oneShot) return { ...stop, restart: "no", mustRun: false, attach: true, logs: true };
  return {
    ...stop,
    restart: "unless-stopped",
    mustRun: true,
    ...(workload.probe && {
      healthcheck: {
        tests: ["CMD", ...workload.probe.command],
        interval: goDuration(Math.max(workload.probe.everySeconds, probeSeconds)),
        timeout: "5s",
        startPeriod: goDuration(workload.probe.withinSeconds),
        retries: 3,
      },
    }),
  };
}

/**
 * Each probe is a process that Docker starts. They say nothing to anybody but `docker ps`: the core's checks
 * raise alerts.
 */
const probeSeconds = 120;

/** Docker reports 90 s as 1m30s, and a difference in writing would be a difference. */
function goDuration(seconds: number): string {
  const parts = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60] as const;
  return `${parts[0] > 0 ? `${parts[0]}h` : ""}${parts[0] + parts[1] > 0 ? `${parts[1]}m` : ""}${parts[2]}s`;
}

function limits(workload: WorkloadModel): Partial<docker.ContainerArgs> {
  const mebibytes = Math.ceil(workload.memoryBytes / 2 ** 20);
  return {
    memory: mebibytes,
    memorySwap: mebibytes, // no swap; unset, it would come back as a difference
    cpuShares: Math.max(2, Math.round((workload.milliCpu * 1024) / 1000)),
  };
}

function confinement(workload: WorkloadModel): Partial<docker.ContainerArgs> {
  return {
    user: `${user}:${user}`,
    readOnly: true,
    tmpfs: { "/tmp": `rw,nosuid,nodev,size=${Math.ceil(workload.tmpBytes / 2 ** 20)}m,mode=1777` },
    capabilities: { drops: ["ALL"] },
    securityOpts: ["no-new-privileges:true"],
    privileged: false,
    init: false, // tini is the entry point of every image
    ipcMode: "private",
  };
}

function createVolumes({ stack, owner, workload }: WorkloadArgs, parent: pulumi.Resource) {
  return workload.volumes.map((volume) => {
    const created = new docker.Volume(
      `${workload.name}-${volume.name}`,
      {
        name: volumeName(stack, workload.name, volume.name),
        driver: "local",
        labels: labelList({
          ...owner,
          [labelNames.service]: workload.service,
          [labelNames.role]: "data",
        }),
      },
      // Its name is fixed: the next up takes what was kept into its hands again. Docker can't change a
      // volume, and no difference is worth replacing one that holds data.
      {
        parent,
        retainOnDelete: volume.policy === "retain",
        ignoreChanges: ["labels", "driver", "driverOpts"],
      },
    );
    return { volumeName: created.name, containerPath: volume.path, readOnly: false };
  });
}
