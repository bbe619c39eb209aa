import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { lakeTool } from "../../../src/ops/lake/lake.ts";
import { run } from "../../../src/ops/process.ts";
import type { ExecOptions } from "../../../src/ops/target.ts";
import { platform } from "../fixture-platform.ts";

const folder = mkdtempSync(join(tmpdir(), "datalab-cancel-"));
afterAll(() => rmSync(folder, { recursive: true }));
const src = resolve(import.meta.dirname, "../../../src");
const file = (name: string) => join(folder, name);
const seen = (name: string) => (existsSync(file(name)) ? readFileSync(file(name), "utf8") : "");

const lake = {
  ...platform(),
  tools: { lake: { workload: "w", instance: "i", command: ["tool"], bucket: null } },
};

/** In place of docker: a tool that works until its standard input ends, and notes what it met. */
const docker = file("docker");
writeFileSync(
  docker,
  `#!${process.execPath}
const { writeFileSync } = require("node:fs");
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, () => writeFileSync(${JSON.stringify(file("signal"))}, name));
let text = "";
process.stdin.setEncoding("utf8").on("data", (chunk) => {
  text += chunk;
  if (text.endsWith("\\n")) writeFileSync(${JSON.stringify(file("request"))}, text + process.argv.slice(2).join(" "));
});
process.stdin.on("end", () => {
  if (process.argv.includes("deaf")) return;
  writeFileSync(${JSON.stringify(file("ended"))}, "stdin");
  console.log(JSON.stringify({ error: { code: "E_INTERRUPTED", message: "Interrupted. Nothing was changed.", hint: "" } }));
  process.exitCode = 130;
});
setTimeout(() => {}, 30_000).unref();
`,
);
chmodSync(docker, 0o755);

/** As the command line runs the tool, in a process group of its own as a shell makes one. */
function command(): ChildProcess {
  const script = file("command.ts");
  writeFileSync(
    script,
    `import { lakeTool } from "${src}/ops/lake/lake.ts";
import { dockerRuntime } from "${src}/ops/docker/runtime.ts";
import { cancellable } from "${src}/cli/terminal/interrupt.ts";
const platform = JSON.parse(process.argv[2]);
try {
  await cancellable((signal) => lakeTool(platform, { signal, runtime: dockerRuntime }).run(["query"], { sql: "S" }));
} catch (error) {
  console.log(error.code + " " + error.exitCode + " " + error.message);
}
`,
  );
  return spawn(process.execPath, [script, JSON.stringify(lake)], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, DATALAB_DOCKER: docker },
  });
}

async function text(stream: NodeJS.ReadableStream | null): Promise<string> {
  let all = "";
  for await (const chunk of stream ?? []) all += chunk;
  return all;
}

beforeEach(() => {
  for (const name of ["signal", "request", "ended"]) rmSync(file(name), { force: true });
});
const isAtWork = () => expect.poll(() => seen("request"), { timeout: 20_000 }).not.toBe("");

describe("a command that is ended, and with it what it does inside the platform", () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "by %s for its whole group",
    async (signal) => {
      const child = command();
      const [out, err] = [text(child.stdout), text(child.stderr)];
      await isAtWork();
      expect(seen("request")).toBe('{"sql":"S"}\nexec -i i datalab-start tool --attended query');
      process.kill(-(child.pid as number), signal);
      await once(child, "exit");
      expect(await out).toBe("E_INTERRUPTED 130 Interrupted. Nothing was changed.\n");
      expect(await err).toBe("Cancelling. Press Ctrl-C again to end without waiting for it.\n");
      // Docker's client lives to pass the end of standard input on.
      expect([seen("ended"), seen("signal")]).toEqual(["stdin", ""]);
    },
    40_000,
  );

  test("by kill -9", async () => {
    const child = command();
    await isAtWork();
    child.kill("SIGKILL");
    await expect.poll(() => seen("ended"), { timeout: 20_000 }).toBe("stdin");
  }, 40_000);
});

describe("a cancelled tool", () => {
  const runtime = (...args: string[]) => ({
    exec: (_instance: string, given: readonly string[], options: ExecOptions) =>
      run(docker, [...given, ...args], { ...options } as Parameters<typeof run>[2]),
  });

  test("that does not end says that its work may go on", async () => {
    const cancel = new AbortController();
    const tool = lakeTool(lake, { signal: cancel.signal, runtime: runtime("deaf"), graceSeconds: 0.2 });
    const asked = tool.run(["query"], { sql: "S" });
    asked.catch(() => {});
    await isAtWork();
    cancel.abort();
    await expect(asked).rejects.toMatchObject({
      code: "E_INTERRUPTED",
      exitCode: 130,
      message: expect.stringContaining("its work may go on there"),
    });
  }, 40_000);

  test("that was not begun is not begun", async () => {
    const cancel = new AbortController();
    cancel.abort();
    await expect(
      lakeTool(lake, { signal: cancel.signal, runtime: runtime() }).run(["query"]),
    ).rejects.toMatchObject({ code: "E_INTERRUPTED" });
    expect(seen("request")).toBe("");
  });

  test("of an earlier version says what to do", async () => {
    const stdout = '{"error":{"code":"E_USAGE","message":"unrecognized arguments: --attended","hint":""}}';
    const exec = async () => ({ code: 2, stdout, stderr: "" });
    await expect(lakeTool(lake, { runtime: { exec } }).run(["query"])).rejects.toMatchObject({
      code: "E_PLATFORM_OUTPUT",
      hint: "./datalab up updates it to this version.",
    });
  });
});
