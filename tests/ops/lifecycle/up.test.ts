import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type UpOptions, up } from "../../../src/ops/lifecycle/up.ts";
import { lockCheckout, thisProcess } from "../../../src/ops/lock.ts";
import { services } from "../../../src/services/index.ts";
import { makeProject } from "../../support/project.ts";
import { platform } from "../fixture-platform.ts";
import { type Run, remember, staleLock, standInDocker, standInPulumi } from "../stand-in-stack.ts";

/** Services whose stand-in core answers; the others are switched off. */
const some = ["core", "postgres", "object-store", "prefect"];
const others = services.filter(({ name }) => !some.includes(name));

/** Images from a registry: none is built. No port but the core's is published: none can be taken. */
const stackFile = (more = "") => ({
  "Pulumi.dev.yaml": `config:
  datalab:platform:
    images: { source: registry }
    services:
      core: { ports: { api: ${port} } }
      postgres: { ports: { sql: false } }
      object-store: { ports: { s3: false, console: false } }
      prefect: { ports: { api: false } }
${others.map(({ name }) => `      ${name}: { enabled: false }\n`).join("")}${more}`,
});
const master = "  datalab:masterSecret:\n    secure: v1:abc\n";

/** A core that finds every service healthy, after it was asked as often as told. */
let core: Server;
let port = 0;
let url = "";
let patience = 0;
/** When the core last ran its checks. */
let checked = "";
const asked: string[] = [];
beforeEach(async () => {
  asked.length = 0;
  checked = "2026-01-31T12:00:00Z";
  patience = 0;
  core = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const ok = patience-- <= 0;
    if (request.method === "POST") checked = new Date(Date.now() + 1000).toISOString();
    const found = some.map((name) => ({
      name,
      state: ok ? "healthy" : "down",
      checks: [{ name: "check", ok, ms: 1, at: checked, history: [] }],
    }));
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({ stack: "dev", state: "healthy", at: "2026-01-31T12:00:00Z", services: found }),
    );
  });
  core.listen(0, "127.0.0.1");
  await once(core, "listening");
  port = (core.address() as AddressInfo).port;
  url = `http://127.0.0.1:${port}`;
});
afterEach(() => {
  core.closeAllConnections();
  core.close();
});

const summary = (resourceChanges: Record<string, number>) => ({ summaryEvent: { resourceChanges } });
const made = (name: string) => ({
  resourcePreEvent: {
    metadata: {
      op: "create",
      urn: `urn:pulumi:dev::datalab::docker:index/container:Container::${name}`,
      type: "docker:index/container:Container",
    },
  },
});
const stateWith = (outputs: object = {}) => ({
  deployment: {
    resources: [
      { urn: "u::s", type: "pulumi:pulumi:Stack" },
      { urn: "u::p", type: "datalab:docker:Platform", outputs },
    ],
  },
});
const pulumiWith = (...runs: Run[]) => standInPulumi({ runs, output: platform(url), state: stateWith() });

function optionsFor(more: Partial<UpOptions> = {}): UpOptions & { steps: string[] } {
  const { reporter, steps } = remember();
  return {
    project: makeProject(stackFile(master)),
    stack: "dev",
    reporter,
    signal: new AbortController().signal,
    setupSeconds: 1.5,
    steps,
    ...more,
  };
}

test("where nothing runs yet, no check is waited for", async () => {
  standInPulumi({
    runs: [{ code: 0, events: [summary({ create: 90 })] }],
    output: { ...platform(url), services: [] },
  });
  standInDocker({ port });
  const options = optionsFor();
  const result = await up(options);
  expect(result.health).toMatchObject({ stack: "dev", state: "healthy", services: [] });
  expect(options.steps).toEqual(["engine: done 90 created", "readiness: done nothing runs yet"]);
});

test("it is done when the engine has ended and every check passes", async () => {
  pulumiWith({ code: 0, events: [summary({ create: 27 })] });
  standInDocker({ port });
  patience = 3;
  const options = optionsFor();
  const result = await up(options);
  expect(result.changes).toEqual({ create: 27 });
  expect(result.health.services.map(({ state }) => state)).toEqual([
    "healthy",
    "healthy",
    "healthy",
    "healthy",
  ]);
  expect(result.platform).toEqual(platform(url));
  const { setup, images, engine, readiness, total } = result.seconds;
  expect(setup).toBe(1.5);
  expect(total).toBeCloseTo(setup + images + engine + readiness, 5);
  expect(options.steps).toEqual(["engine: done 27 created", "readiness: done 4 checks passed"]);
  expect(asked.every((line) => line === "GET /health")).toBe(true);
  expect(existsSync(join(options.project, ".datalab/locks/dev.json"))).toBe(false);
});

test("checks of what was made are run now: earlier results say nothing of it", async () => {
  pulumiWith({ code: 0, events: [made("prefect-worker"), summary({ create: 1 })] });
  standInDocker({ port });
  await up(optionsFor());
  expect(asked).toEqual(["GET /health", "POST /check?service=prefect", "GET /health"]);
});

test("a new stack is made, with a master secret of its own that is in no argument", async () => {
  const pulumi = standInPulumi({ stacks: [], runs: [{ code: 0 }], output: platform(url) });
  standInDocker({ port });
  await up(optionsFor({ project: makeProject(stackFile()) }));
  const calls = pulumi.calls().map((args) => args.join(" "));
  expect(calls.slice(0, 4)).toEqual([
    "stack export --stack dev --non-interactive",
    "stack init dev --non-interactive",
    "config set --secret datalab:masterSecret --stack dev --non-interactive",
    "config set --plaintext datalab:installation --stack dev --non-interactive",
  ]);
  const [secret] = pulumi.secrets();
  expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(calls.join("\n")).not.toContain(secret);
});

test("a stack that has its master secret keeps it", async () => {
  const pulumi = pulumiWith({ code: 0 });
  standInDocker({ port });
  await up(optionsFor());
  expect(pulumi.calls().map((args) => args.slice(0, 2).join(" "))).not.toContain("config set");
});

test("what was removed by hand is looked for: the engine would take it for there", async () => {
  const refreshed = async (containers: readonly string[]) => {
    const pulumi = pulumiWith({ code: 0 });
    standInDocker({ containers: [...containers], port });
    await up(optionsFor());
    return pulumi
      .calls()
      .find(([command]) => command === "up")
      ?.includes("--refresh");
  };
  const workloads = ["core", "postgres", "object-store", "prefect", "prefect-worker", "prefect-register"];
  const all = workloads.map((name) => `datalab-dev-${name}`);
  expect(await refreshed(all)).toBe(false);
  expect(await refreshed(all.slice(1))).toBe(true);
});

test("a run that was killed before is put right, and the update made again", async () => {
  const pulumi = pulumiWith(
    { code: 255, stderr: staleLock(hostname()) },
    { code: 0, events: [summary({ create: 5 })] },
  );
  const docker = standInDocker({ containers: ["datalab-dev-orphan"], port });
  const options = optionsFor();
  expect((await up(options)).changes).toEqual({ create: 5 });
  expect(pulumi.calls().flatMap(([c]) => (c === "stack" ? [] : [c]))).toEqual([
    "up",
    "cancel",
    "refresh",
    "up",
  ]);
  expect(docker.has().containers).toEqual([]);
});

test("a failure of the engine is told in its words", async () => {
  const error = {
    diagnosticEvent: { severity: "error", message: "prefect-register ended with exit code 3:\nno pool" },
  };
  pulumiWith({ code: 255, events: [error] });
  standInDocker({ port });
  const options = optionsFor();
  await expect(up(options)).rejects.toMatchObject({
    code: "E_ENGINE",
    message: "prefect-register ended with exit code 3:\nno pool",
  });
  expect(options.steps).toEqual(["engine: failed"]);
});

test("an interrupt lets the engine finish its steps, and ends with 130", async () => {
  pulumiWith({ code: 255, waits: true });
  standInDocker({ port });
  const abort = new AbortController();
  const options = optionsFor({ signal: abort.signal, onEngineLine: () => abort.abort() });
  await expect(up(options)).rejects.toMatchObject({
    code: "E_INTERRUPTED",
    exitCode: 130,
    hint: "Created resources are kept; run the same command again to continue.",
  });
  expect(existsSync(join(options.project, ".datalab/locks/dev.json"))).toBe(false);
});

test("an interrupt while checks are waited for ends with 130 as well", async () => {
  pulumiWith({ code: 0 });
  standInDocker({ port });
  patience = Number.POSITIVE_INFINITY;
  const abort = new AbortController();
  core.once("request", () => setTimeout(() => abort.abort(), 50));
  const options = optionsFor({ signal: abort.signal });
  await expect(up(options)).rejects.toMatchObject({ code: "E_INTERRUPTED", exitCode: 130 });
  expect(options.steps).toEqual(["engine: done 0 changes", "readiness: failed"]);
});

describe("whose the stack is", () => {
  test("is noted beside the state of a new one, and on its labels", async () => {
    const pulumi = standInPulumi({ stacks: [], runs: [{ code: 0 }], output: platform(url) });
    standInDocker({ port });
    const options = optionsFor({ project: makeProject(stackFile()) });
    await up(options).catch(() => {});
    // The stand-in writes no file: what was to be written is what it was given.
    const [, installation] = pulumi.secrets();
    expect(installation).toMatch(/^[0-9a-f]{16} \S+@\S+:\//);
    expect(installation).toContain(`:${options.project}`);
  });

  test("decides: another checkout's is not touched", async () => {
    const pulumi = pulumiWith();
    const theirs = {
      containers: ["datalab-dev-core"],
      volumes: ["datalab-dev-x"],
      installation: "f".repeat(16),
    };
    const docker = standInDocker({ ...theirs, port });
    await expect(up(optionsFor())).rejects.toMatchObject({
      code: "E_FOREIGN",
      message: expect.stringContaining("ffffffffffffffff, made by ann@laptop:/lab"),
    });
    expect(docker.has()).toMatchObject(theirs);
    expect(pulumi.calls().map((args) => args.slice(0, 2).join(" "))).toEqual(["stack export"]);
  });

  test("is what the state says, whatever a file from elsewhere says", async () => {
    const installation = "0123456789abcdef";
    const pulumi = standInPulumi({
      runs: [{ code: 0 }],
      output: platform(url),
      state: stateWith({ installation }),
    });
    standInDocker({ port });
    const elsewhere = `${master}  datalab:installation: ffffffffffffffff bob@desk:/lab\n`;
    const options = optionsFor({ project: makeProject(stackFile(elsewhere)) });
    await up(options);
    expect(pulumi.secrets()[0]).toMatch(/^0123456789abcdef /);
  });
});

describe("a master secret", () => {
  const deployed = () => standInPulumi({ runs: [{ code: 0 }], output: platform(url), state: stateWith() });

  test("that is lost is not replaced where something is deployed with it", async () => {
    const pulumi = deployed();
    standInDocker({ port });
    const options = optionsFor({ project: makeProject(stackFile()) });
    await expect(up(options)).rejects.toMatchObject({
      code: "E_MASTER_MISSING",
      exitCode: 2,
      message: expect.stringMatching(
        /^Pulumi\.dev\.yaml has no datalab:masterSecret, but 2 resources of the stack dev/,
      ),
    });
    expect(pulumi.calls().map((args) => args.slice(0, 2).join(" "))).toEqual(["stack export"]);
  });

  test("that is lost is replaced when that is asked for", async () => {
    const pulumi = deployed();
    standInDocker({ port });
    await up(optionsFor({ project: makeProject(stackFile()), newMaster: true }));
    expect(pulumi.secrets()[0]).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  test("that is another one than the state's is an error of its own", async () => {
    const message = (await import("../../../src/declare.ts")).masterChanged("dev").message;
    standInPulumi({
      runs: [
        { code: 255, events: [{ diagnosticEvent: { severity: "error", message: `${message}\nhint` } }] },
      ],
      output: platform(url),
      state: stateWith({ masterFingerprint: "ab".repeat(8) }),
    });
    standInDocker({ port });
    await expect(up(optionsFor())).rejects.toMatchObject({ code: "E_MASTER_CHANGED", exitCode: 2 });
  });
});

test("a second one on the same stack is refused at once", async () => {
  const pulumi = pulumiWith();
  standInDocker({ port });
  const options = optionsFor();
  const lock = lockCheckout(options.project, "dev", thisProcess("datalab up"));
  await expect(up(options)).rejects.toMatchObject({ code: "E_LOCKED", exitCode: 4 });
  expect(pulumi.calls()).toEqual([]);
  lock.release();
});

test("a configuration that is wrong touches nothing, not even a lock", async () => {
  const pulumi = pulumiWith();
  const project = makeProject({ "Pulumi.dev.yaml": "config:\n  datalab:platform:\n    taget: docker\n" });
  await expect(up(optionsFor({ project }))).rejects.toMatchObject({ code: "E_CONFIG", exitCode: 2 });
  expect(pulumi.calls()).toEqual([]);
  expect(existsSync(join(project, ".datalab"))).toBe(false);
});
