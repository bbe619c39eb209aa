import { createHash, randomBytes } from "node:crypto";
import { statfsSync } from "node:fs";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Hub } from "../support/hub.ts";
import type { Stage } from "../support/stage.ts";

const mebi = 2 ** 20;
/** 2 GiB in the pieces in which JupyterLab uploads. */
const pieces = 2048;
const pieceBytes = mebi;
/** Free disk: both files on the way and at rest, and what else runs meanwhile. */
const gibibytes = 16;
const filling = randomBytes(pieceBytes);

/** Pieces that differ from each other and from those of another file. */
function* content(file: number): Generator<Buffer> {
  for (let n = 0; n < pieces; n++) {
    const piece = Buffer.from(filling);
    piece.writeUInt32BE(file, 0);
    piece.writeUInt32BE(n, 4);
    yield piece;
  }
}
async function digest(stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of stream) hash.update(part);
  return hash.digest("hex");
}

/**
 * Large files through MLflow and through a notebook: 2 GiB in both directions, two at once. `mlflow`, `hub`:
 * where the gateway publishes them.
 */
export function largeThings(stage: Stage, urls: { readonly mlflow: string; readonly hub: string }): void {
  describe("two files of 2 GiB at once", () => {
    const files = [1, 2];
    const hub = new Hub(urls.hub);
    /** The most memory that any one process of a container has ever had, in MiB. */
    const peak = (workload: string): number => {
      const script = "cat /proc/[0-9]*/status 2>/dev/null | grep VmHWM";
      const lines = stage.project.docker("exec", stage.container(workload), "sh", "-c", script);
      return Math.round(Math.max(...[...lines.matchAll(/(\d+) kB/g)].map(([, kb]) => Number(kb))) / 1024);
    };
    /** Of every container: when it was started, and whether the kernel has killed in it. */
    const lives = () => {
      const format = "{{.Names}}";
      const names = stage.project
        .docker("ps", "--format", format, "--filter", `label=datalab.stack=${stage.project.stack}`)
        .trim()
        .split("\n")
        .filter((name) => !name.includes("notebook-"));
      const shown = "{{.Name}} {{.State.StartedAt}} {{.State.OOMKilled}} {{.RestartCount}}";
      return stage.project.docker("inspect", "--format", shown, ...names.sort());
    };
    const say = (what: string, workloads: readonly string[]) =>
      console.log(`${what}: ${workloads.map((name) => `${name} ${peak(name)} MiB`).join(", ")}`);
    beforeAll(() => {
      // A full disk shows elsewhere: a cluster that runs beside this takes no pod any more.
      const folder = stage.project.docker("info", "--format", "{{.DockerRootDir}}").trim();
      const { bavail, bsize } = statfsSync(folder);
      const free = Math.floor((bavail * bsize) / 2 ** 30);
      if (free < gibibytes)
        throw new Error(`${folder} has ${free} GiB of free disk; this needs ${gibibytes}`);
    });
    afterAll(() => hub.stop("admin").catch(() => {}));

    test("through MLflow, there and back: the same bytes, and nothing restarts", async () => {
      const before = lives();
      const authorization = `Bearer ${await stage.secret("gateway/token")}`;
      const place = (file: number) =>
        `${urls.mlflow}/api/2.0/mlflow-artifacts/artifacts/large/${file}/model.bin`;
      const sent = await Promise.all(files.map((file) => digest(content(file))));
      await Promise.all(
        files.map(async (file) => {
          const body = Readable.toWeb(Readable.from(content(file))) as ReadableStream;
          const headers = { authorization };
          const answer = await fetch(place(file), { method: "PUT", headers, body, duplex: "half" });
          expect(answer.status, await answer.text()).toBe(200);
        }),
      );
      const back = await Promise.all(
        files.map(async (file) => {
          const answer = await fetch(place(file), { headers: { authorization } });
          expect(answer.headers.get("content-length")).toBe(String(pieces * pieceBytes));
          return digest(answer.body as unknown as AsyncIterable<Uint8Array>);
        }),
      );
      expect(back).toEqual(sent);
      for (const file of files) {
        expect((await fetch(place(file), { method: "DELETE", headers: { authorization } })).status).toBe(200);
      }
      say("peak of a process", ["mlflow", "gateway", "object-store"]);
      expect(lives()).toBe(before);
    });

    test("through a notebook, there and back: the same bytes, and nothing restarts", async () => {
      const before = lives();
      expect(await hub.login("admin", await stage.secret("jupyterhub/admin"))).toBe(302);
      await hub.spawn("admin", 180);
      const sent = await Promise.all(files.map((file) => digest(content(file))));
      await Promise.all(files.map((file) => hub.upload("admin", `large-${file}.bin`, content(file), pieces)));
      const hash = [
        "import hashlib",
        ...files.map(
          (file) => `print(hashlib.file_digest(open("large-${file}.bin", "rb"), "sha256").hexdigest())`,
        ),
      ];
      expect(await hub.run("admin", ['%cd "~"', hash.join("\n")], 120)).toContain(`${sent.join("\n")}\n`);
      const back = await Promise.all(
        files.map(async (file) => digest(await hub.download("admin", `large-${file}.bin`))),
      );
      expect(back).toEqual(sent);
      say("peak of a process", ["notebook-admin", "jupyterhub-proxy", "gateway"]);
      const remove =
        "import os; [os.remove(f) for f in os.listdir('.') if f.startswith('large-')]; print('gone')";
      expect(await hub.run("admin", ['%cd "~"', remove], 60)).toContain("gone\n");
      expect(lives()).toBe(before);
    });
  });
}
