import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import { filesRole, instanceName, labelNames, volumeName } from "../../model/names.ts";
import { contentHash } from "../content-hash.ts";
import { labelList } from "./labels.ts";
import type { WorkloadArgs } from "./workload-args.ts";

/** Where env and files are mounted; see src/images/base/datalab-start. */
const path = "/run/datalab";

export interface Files {
  readonly holder: docker.Container;
  readonly mount: { volumeName: pulumi.Output<string>; containerPath: string; readOnly: boolean };
  /** Changes with the content, so that the workload is replaced when its files are. */
  readonly hash: pulumi.Output<string>;
}

/**
 * A workload's files and secret variables, in a volume that it alone mounts and can't write to. Docker
 * refuses to copy files into a container with a read-only root, so a container that is never started holds
 * the volume for the copy. Returns undefined when the workload has none.
 */
export function createFiles(args: WorkloadArgs, parent: pulumi.Resource): Files | undefined {
  const { stack, workload } = args;
  const contents = fileContents(args);
  if (contents.length === 0) return undefined;

  const name = `${workload.name}-files`;
  const labels = labelList({
    ...args.owner,
    [labelNames.service]: workload.service,
    [labelNames.role]: filesRole,
  });
  const volume = new docker.Volume(
    name,
    { name: volumeName(stack, workload.name, "files"), driver: "local", labels },
    { parent, deleteBeforeReplace: true },
  );
  const mount = { volumeName: volume.name, containerPath: path, readOnly: false };
  const holder = new docker.Container(
    name,
    {
      name: instanceName(stack, name),
      hostname: name,
      image: args.image,
      command: ["true"],
      start: false,
      mustRun: false,
      networkMode: "none",
      user: "root", // never started; Docker gives copied files to a user that the host knows
      capabilities: { drops: ["ALL"] },
      volumes: [mount],
      uploads: contents.map(([file, content]) => ({
        file: `${path}/${file}`,
        content,
        permissions: "0444", // no other container mounts the volume, and on the host it is root's
      })),
      labels,
    },
    { parent, deleteBeforeReplace: true },
  );
  return { holder, mount, hash: contentHash(contents) };
}

type Content = readonly [file: string, content: pulumi.Input<string>];

/**
 * Files, and the variables that hold secrets: Docker shows a container's own variables to whoever may ask it.
 */
function fileContents({ workload, values }: WorkloadArgs): Content[] {
  const files: Content[] = Object.entries(workload.files).map(([file, text]) => [file, values.text(text)]);
  const env = values.secretEnv(workload.env);
  if (env) files.push(["env", env]);
  return files.sort(([a], [b]) => (a < b ? -1 : 1));
}
