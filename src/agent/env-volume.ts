import { spawnedRole } from "../model/names.ts";
import { type Confines, type SpawnedNames, volumeLabels } from "./confinement.ts";
import type { DockerApi } from "./docker/api.ts";

/**
 * Puts a spawned container's variables into a volume that it alone mounts, as every workload's are:
 * `docker inspect` shows a container's own variables to whoever may ask. Docker copies files only into
 * containers, so one that is never started holds the volume for the copy.
 */
export async function writeEnvironment(
  docker: DockerApi,
  confines: Confines,
  names: SpawnedNames,
  environment: string,
): Promise<void> {
  await removeEnvironment(docker, names);
  await docker.json("POST", "/volumes/create", {
    body: { Name: names.files, Driver: "local", Labels: volumeLabels(confines, spawnedRole) },
  });
  const { Id } = await docker.json<{ Id: string }>("POST", "/containers/create", {
    body: {
      Image: confines.image,
      Entrypoint: ["true"],
      User: "root", // never started; what is copied belongs to a user that the host knows
      Labels: volumeLabels(confines, spawnedRole),
      HostConfig: {
        NetworkMode: "none",
        CapDrop: ["ALL"],
        Mounts: [{ Type: "volume", Source: names.files, Target: "/run/datalab" }],
      },
    },
  });
  try {
    const archive = tarOf("env", Buffer.from(environment));
    await docker.json("PUT", `/containers/${Id}/archive?path=/run/datalab`, { archive });
  } finally {
    await docker.ask("DELETE", `/containers/${Id}?force=true`);
  }
}

/** Removes the volume; one that is not there is no trouble. */
export async function removeEnvironment(docker: DockerApi, names: SpawnedNames): Promise<void> {
  await docker.ask("DELETE", `/volumes/${names.files}`);
}

/** A tar archive of one file that everybody may read. */
export function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  const octal = (value: number, at: number, size: number) =>
    header.write(`${value.toString(8).padStart(size - 1, "0")}\0`, at, "latin1");
  header.write(name, 0, "latin1");
  octal(0o444, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(content.length, 124, 12);
  octal(0, 136, 12);
  header.write("        0", 148, "latin1"); // the checksum counts as spaces; 0: a plain file
  header.write("ustar\u000000", 257, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)]);
}
