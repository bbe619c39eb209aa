import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatalabError } from "../../errors.ts";
import { stackName } from "../../model/names.ts";
import { parseHolder } from "../lock.ts";
import type { LockEntry, LockPlace } from "../shared-lock.ts";
import { dockerRun } from "./cli.ts";

/**
 * On a lock's container: the stack that it locks. Not the label of a stack's own objects: no `down` removes
 * it.
 */
export const lockLabel = "datalab.lock";
const holderLabel = "datalab.lock.holder";
/** No workload's name has a dot. */
export const lockName = (stack: string): string => `${stackName(stack)}.lock`;
/** Without content: the container never starts. */
const image = "datalab/lock:1";
const beatFile = "/beat";

/**
 * The lock of a stack beside the Docker daemon that runs it: a container that is never started. Its name is
 * taken by one at a time, its id tells one holder from the next, and the daemon keeps what is copied into it.
 */
export function dockerLock(stack: string): LockPlace {
  const name = lockName(stack);
  return {
    name: "the Docker daemon",

    async create(entry) {
      const args = [
        ...["create", "--name", name, "--network", "none", "--entrypoint", "/never-started"],
        ...["--label", `${lockLabel}=${stack}`, "--label", `${holderLabel}=${JSON.stringify(entry.holder)}`],
        image,
      ];
      let made = await dockerRun(args);
      if (made.code !== 0 && /no such image|unable to find image/i.test(made.stderr)) {
        await importImage();
        made = await dockerRun(args);
      }
      if (made.code === 0) return made.stdout.trim();
      if (/already in use|conflict/i.test(made.stderr)) return undefined;
      throw failed("create", made.stderr);
    },

    async read() {
      const format = `{{.Id}}\n{{.Created}}\n{{index .Config.Labels "${holderLabel}"}}`;
      const found = await dockerRun(["inspect", "--type", "container", "--format", format, name]);
      if (isGone(found.stderr)) return undefined;
      if (found.code !== 0) throw failed("inspect", found.stderr);
      const [id = "", created = "", ...label] = found.stdout.trim().split("\n");
      const beat = (await readBeat(id)) ?? created;
      const holder = parseHolder(label.join("\n"));
      return { entry: holder && { holder, beat }, version: `${id} ${beat}` };
    },

    async renew({ beat }, version) {
      const id = idOf(version);
      return (await writeBeat(id, beat)) ? `${id} ${beat}` : undefined;
    },

    async replace(entry: LockEntry, version) {
      // By its id: a lock that somebody else has made meanwhile has another one.
      return (await remove(idOf(version))) ? this.create(entry) : undefined;
    },

    async release(version) {
      await remove(idOf(version));
    },
  };
}

const idOf = (version: string): string => version.split(" ")[0] as string;
const isGone = (stderr: string): boolean =>
  /no such (container|object)|could not find the file/i.test(stderr);

function failed(what: string, stderr: string): DatalabError {
  return new DatalabError("E_DOCKER", `docker ${what} of the stack's lock failed: ${stderr.trim()}`);
}

async function remove(id: string): Promise<boolean> {
  const { code, stderr } = await dockerRun(["rm", id]);
  if (code === 0) return true;
  // Another one is just removing it.
  if (isGone(stderr) || /already in progress/i.test(stderr)) return false;
  throw failed("rm", stderr);
}

/** An archive of no files is an image. */
async function importImage(): Promise<void> {
  const { code, stderr } = await dockerRun(["import", "-", image], { input: "\0".repeat(1024) });
  if (code !== 0) throw failed("import", stderr);
}

async function writeBeat(id: string, beat: string): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "datalab-lock-"));
  try {
    const file = join(folder, "beat");
    writeFileSync(file, beat);
    const { code, stderr } = await dockerRun(["cp", file, `${id}:${beatFile}`]);
    if (code === 0) return true;
    if (isGone(stderr)) return false;
    throw failed("cp", stderr);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** undefined: the holder has not beaten yet. */
async function readBeat(id: string): Promise<string | undefined> {
  const { code, stdout, stderr } = await dockerRun(["cp", `${id}:${beatFile}`, "-"]);
  if (code !== 0 && !isGone(stderr)) throw failed("cp", stderr);
  // One file in a tar archive: its content follows the header's 512 bytes.
  return code === 0 ? stdout.slice(512).replace(/\0+$/, "") : undefined;
}
