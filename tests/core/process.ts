import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { CheckEntry } from "../../src/core/files.ts";

export interface RunningCore {
  readonly url: string;
  readonly child: ChildProcess;
  readonly log: string[];
  /** Lines on its standard output. */
  readonly output: string[];
  stop(): Promise<void>;
}

export function entry(service: string, name: string, more: Partial<CheckEntry> = {}): CheckEntry {
  return {
    service,
    name,
    everySeconds: 30,
    timeoutSeconds: 5,
    needs: {},
    secrets: {},
    endpoints: {},
    ...more,
  };
}

/** Writes the files a target would mount. */
export async function coreFiles(
  services: readonly string[],
  checks: readonly unknown[],
  more: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "datalab-core-"));
  const registry = {
    stack: "test",
    target: "docker",
    services: services.map((name) => ({
      name,
      summary: `The service ${name}.`,
      version: "1",
      owner: "platform",
      endpoints: [],
      checks: [],
    })),
  };
  await writeFile(join(directory, "registry.json"), JSON.stringify(registry));
  await writeFile(join(directory, "checks.json"), JSON.stringify({ stack: "test", checks, ...more }));
  return directory;
}

/** Starts a real core on a free port of the loopback interface. */
export async function startProcess(
  services: readonly string[],
  checks: readonly unknown[],
  more: Readonly<Record<string, unknown>> = {},
): Promise<RunningCore> {
  const directory = await coreFiles(services, checks, more);
  const child = spawn(process.execPath, [join(import.meta.dirname, "fixture-core.ts")], {
    env: {
      ...process.env,
      DATALAB_CORE_FILES: directory,
      DATALAB_CORE_PORT: "0",
      DATALAB_CORE_ADDRESS: "127.0.0.1",
      DATALAB_CORE_HOSTS: "extra",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log: string[] = [];
  const output: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => output.push(line));
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  createInterface({ input: child.stderr }).on("line", (line) => {
    log.push(line);
    const port = / on port (\d+)/.exec(line)?.[1];
    if (port) resolve(`http://127.0.0.1:${port}`);
  });
  child.once("exit", () => reject(new Error(`the core ended: ${log.join("\n")}`)));
  const url = await promise;
  return {
    url,
    child,
    log,
    output,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      await rm(directory, { recursive: true });
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  readonly json: any;
}

/** One request with any header, which fetch would not send. */
export function send(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: options.method ?? "GET", headers: options.headers, agent: false });
    sent.on("error", reject);
    sent.on("response", async (response) => {
      const text = (await response.toArray()).join("");
      const isJson = response.headers["content-type"]?.startsWith("application/json");
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        text,
        json: isJson ? JSON.parse(text) : undefined,
      });
    });
    sent.end(options.body);
  });
}

/** Asks again until the answer is as wanted. */
export async function until<T>(ask: () => Promise<T>, wanted: (value: T) => boolean, ms = 5_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await ask();
    if (wanted(value)) return value;
    if (Date.now() > end) throw new Error(`still not as wanted after ${ms} ms: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
