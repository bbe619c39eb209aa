import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { CreateBucketCommand, GetObjectCommand } from "@aws-sdk/client-s3";
import { describe, expect, onTestFinished, test } from "vitest";
import { s3 } from "../support/object-store.ts";
import { ports, type Stage } from "../support/stage.ts";

const rounds = 100;
const contender = resolve(import.meta.dirname, "../support/lock-contender.ts");

/**
 * One operation at a time, wherever it is started: processes of two checkouts and two homes, with one state
 * in S3 and one Docker daemon, some of which are killed while they hold the lock.
 */
export function locks(stage: Stage): void {
  describe("a stack that six processes of two checkouts want", () => {
    test(`is never changed by two at once, in ${rounds} rounds of a seeded order`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "datalab-locks-"));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const root = { user: "admin", password: await stage.secret("object-store/admin") };
      const client = s3(root.user, root.password);
      const bucket = "locks-of-two";
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      const backend = `s3://${bucket}/lab?endpoint=http://127.0.0.1:${ports.s3}&region=us-east-1&s3ForcePathStyle=true`;
      const met: string[] = [];
      let killed = 0;
      const contend = async (seed: number): Promise<void> => {
        const project = join(folder, seed % 2 === 0 ? "one" : "other");
        const home = join(folder, `home-${seed % 2}`);
        for (const path of [project, home]) mkdirSync(path, { recursive: true });
        // One that was killed is followed by another.
        for (let life = 0; life < 40; life++) {
          const args = [contender, project, "contended", folder, String(rounds), String(seed * 1000 + life)];
          const child = spawn(process.execPath, args, {
            stdio: ["ignore", "ignore", "pipe"],
            env: {
              ...stage.project.env,
              HOME: home,
              PULUMI_BACKEND_URL: backend,
              AWS_ACCESS_KEY_ID: root.user,
              AWS_SECRET_ACCESS_KEY: root.password,
            },
          });
          let stderr = "";
          child.stderr.setEncoding("utf8").on("data", (text: string) => {
            stderr += text;
          });
          const [code, signal] = (await once(child, "close")) as [number | null, string | null];
          if (signal === "SIGKILL") killed += 1;
          else if (code !== 0) met.push(stderr);
          if (signal === null) return;
        }
      };
      await Promise.all([1, 2, 3, 4, 5, 6].map(contend));
      expect(met).toEqual([]);
      const lines = readFileSync(join(folder, "rounds"), "utf8").trim().split("\n");
      expect(lines.length).toBeGreaterThanOrEqual(rounds);
      expect(new Set(lines.map((line) => line.split(" ")[0])).size).toBeGreaterThan(3);
      expect(killed).toBeGreaterThan(0);
      // Each has given back what it held.
      const left = await client.send(
        new GetObjectCommand({ Bucket: bucket, Key: "lab/locks/contended.json" }),
      );
      expect(JSON.parse((await left.Body?.transformToString()) ?? "")).toMatchObject({ holder: null });
      const containers = stage.project.docker("ps", "--all", "--format", "{{.Names}}").split("\n");
      expect(containers).not.toContain("datalab-contended.lock");
      client.destroy();
    });
  });
}
