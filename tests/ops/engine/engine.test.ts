import { execFileSync } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import {
  type EngineResult,
  type EngineStep,
  engineError,
  runEngine,
} from "../../../src/ops/engine/engine.ts";
import { thisProcess } from "../../../src/ops/lock.ts";
import { deadHolders } from "../../../src/ops/shared-lock.ts";
import { setVariable, standIn } from "../../support/programs.ts";
import { makeProject } from "../../support/project.ts";

const urn = (name: string) => `urn:pulumi:dev::datalab::docker:index/container:Container::${name}`;
const metadata = (op: string, name: string) => ({
  op,
  urn: urn(name),
  type: "docker:index/container:Container",
});

/** Events as the engine writes them. */
const events = [
  { sequence: 0, timestamp: 1, preludeEvent: { config: {} } },
  { diagnosticEvent: { severity: "debug", message: "Registering resource\n" } },
  { resourcePreEvent: { metadata: metadata("same", "core") } },
  { resourcePreEvent: { metadata: metadata("create", "prefect"), planning: true } },
  { resourcePreEvent: { metadata: metadata("replace", "postgres") } },
  { resOutputsEvent: { metadata: metadata("replace", "postgres") } },
  { resOpFailedEvent: { metadata: metadata("create", "prefect") } },
  { diagnosticEvent: { severity: "error", ephemeral: true, message: "said in passing" } },
  {
    diagnosticEvent: {
      severity: "error",
      message:
        "<{%reset%}>  sdk-v2/provider2.go:572: sdk.helper_schema: Unable to start container: port is allocated: provider=docker@5.2.0<{%reset%}>\n",
    },
  },
  { diagnosticEvent: { severity: "error", message: "update failed\n" } },
  { summaryEvent: { resourceChanges: { same: 1, replace: 1 } } },
  { cancelEvent: {} },
];

/** A Pulumi that writes events to its log, piece by piece, and ends. */
function engine(code: number, given: readonly unknown[] = events, stderr = ""): string {
  return standIn(
    "pulumi",
    `const log = args[args.indexOf("--event-log") + 1];
const text = ${JSON.stringify(given.map((e) => JSON.stringify(e)).join("\n"))} + "\\n";
for (let i = 0; i < text.length; i += 500) {
  appendFileSync(log, text.slice(i, i + 500));
  await new Promise((done) => setTimeout(done, 20));
}
writeFileSync(folder + "/debug", String(process.env.PULUMI_DEBUG_COMMANDS));
process.stdout.write("Updating (dev):\\n    + 3 cre");
process.stdout.write("ated\\n");
process.stderr.write(${JSON.stringify(stderr)});
process.exit(${code});`,
  );
}

describe("a run of the engine", () => {
  test("is told by its steps, changes and errors", async () => {
    engine(255);
    const steps: EngineStep[] = [];
    const lines: string[] = [];
    const result = await runEngine("up", {
      project: makeProject({}),
      stack: "dev",
      onStep: (step) => steps.push(step),
      onLine: (line) => lines.push(line),
    });
    expect(result.code).toBe(255);
    expect(result.changes).toEqual({ same: 1, replace: 1 });
    expect(result.steps.map(({ op, name, state }) => [op, name, state])).toEqual([
      ["same", "core", "started"],
      ["create", "prefect", "planned"],
      ["replace", "postgres", "started"],
      ["replace", "postgres", "done"],
      ["create", "prefect", "failed"],
    ]);
    expect(result.steps[0]).toEqual({ ...metadata("same", "core"), name: "core", state: "started" });
    expect(steps).toEqual(result.steps);
    expect(lines).toEqual(["Updating (dev):", "    + 3 created"]);
    expect(result.errors).toEqual([
      "sdk-v2/provider2.go:572: sdk.helper_schema: Unable to start container: port is allocated: provider=docker@5.2.0",
    ]);
  });

  test.each([
    ["up", ["--yes", "--skip-preview", "--refresh"]],
    ["preview", ["--refresh"]],
    ["destroy", ["--yes", "--skip-preview", "--refresh"]],
  ] as const)("%s asks nobody anything", async (command, more) => {
    const folder = engine(0, []);
    const project = makeProject({});
    await runEngine(command, { project, stack: "team-a", args: ["--refresh"] });
    const [args] = readFileSync(join(folder, "calls"), "utf8")
      .trim()
      .split("\n")
      .map((l) => JSON.parse(l));
    expect(args.slice(0, 6)).toEqual([command, "--stack", "team-a", "--non-interactive", "--color", "never"]);
    expect(args[6]).toBe("--event-log");
    expect(args.slice(8)).toEqual(["--parallel", "64", ...more]);
    expect(readFileSync(join(folder, "debug"), "utf8")).toBe("true");
  });

  test("that is aborted is interrupted once, and heard to its end", async () => {
    const folder = standIn(
      "pulumi",
      `let count = 0;
process.on("SIGINT", () => {
  writeFileSync(folder + "/interrupts", String(++count));
  setTimeout(() => process.exit(1), 300);
});
console.log("ready");
setInterval(() => {}, 1000);`,
    );
    const abort = new AbortController();
    const { code } = await runEngine("up", {
      project: makeProject({}),
      stack: "dev",
      signal: abort.signal,
      onLine: () => abort.abort(),
    });
    expect(code).toBe(1);
    expect(readFileSync(join(folder, "interrupts"), "utf8")).toBe("1");
  });

  test("without Pulumi says how to get it", async () => {
    setVariable("PATH", "/nowhere");
    await expect(runEngine("up", { project: makeProject({}), stack: "dev" })).rejects.toMatchObject({
      code: "E_PULUMI_MISSING",
      message: "The Pulumi CLI was not found.",
      hint: "Run this through ./datalab, which sets the path.",
    });
  });
});

describe("what a failed run means", () => {
  const result = (given: Partial<EngineResult>): EngineResult => ({
    code: 255,
    changes: {},
    steps: [],
    outputs: {},
    errors: [],
    stderr: "",
    ...given,
  });
  const heldBy = (pid: number, host = hostname()) =>
    result({
      stderr:
        "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file with `pulumi cancel`.\n" +
        `  file:///x/.pulumi/locks/organization/datalab/dev/1f.json: created by ann@${host} (pid ${pid}) at 2026-01-31T12:00:00Z\n`,
    });

  test("the engine's lock, held by a process that lives: somebody else works on the stack", () => {
    expect(engineError(heldBy(process.pid), "dev")).toMatchObject({
      code: "E_LOCKED",
      exitCode: 4,
      message: `The stack dev is locked: pulumi of ann@${hostname()} (pid ${process.pid}) holds the lock since 2026-01-31T12:00:00Z.`,
    });
    expect(engineError(heldBy(2 ** 22 - 1, "elsewhere"), "dev")?.code).toBe("E_LOCKED");
  });

  test("the engine's lock, left by a process that is dead: it is to be recovered", () => {
    expect(engineError(heldBy(2 ** 22 - 1), "dev")).toBeUndefined();
  });

  test("the engine's lock, left on another machine by a command whose lock was taken over: it is to be recovered", () => {
    const dead = {
      host: "elsewhere",
      user: "ann",
      since: "2026-01-31T11:59:50.300Z",
      until: "2026-01-31T12:00:00.300Z",
    };
    const told = (more: Partial<typeof dead>) =>
      deadHolders.run(
        [{ ...dead, ...more }],
        () => engineError(heldBy(process.pid, "elsewhere"), "dev")?.code,
      );
    expect(told({})).toBeUndefined();
    expect(told({ since: "2026-01-31T12:00:00.900Z", until: "2026-01-31T12:00:00.900Z" })).toBeUndefined();
    // On this machine its pid tells, and it lives.
    const here = thisProcess("datalab up");
    const own = { ...dead, host: hostname(), user: "ann", ...(here.boot && { boot: here.boot }) };
    const alive = deadHolders.run([own], () => engineError(heldBy(process.pid), "dev")?.code);
    expect(alive).toBe("E_LOCKED");
    // Of somebody who runs pulumi by hand: elsewhere, as another user, before the command or after its end.
    expect(told({ host: "third" })).toBe("E_LOCKED");
    expect(told({ user: "bob" })).toBe("E_LOCKED");
    expect(told({ since: "2026-01-31T12:00:02.000Z", until: "2026-01-31T12:00:09.000Z" })).toBe("E_LOCKED");
    expect(told({ since: "2026-01-31T11:58:00.000Z", until: "2026-01-31T11:59:30.000Z" })).toBe("E_LOCKED");
  });

  test("errors are told without the provider's noise", () => {
    const errors = [
      "sdk-v2/provider2.go:572: sdk.helper_schema: Unable to start container: port is allocated: provider=docker@5.2.0",
      "prefect-register ended with exit code 3:\nno work pool",
    ];
    expect(engineError(result({ errors }), "dev")).toMatchObject({
      code: "E_ENGINE",
      exitCode: 1,
      message:
        "Unable to start container: port is allocated\nprefect-register ended with exit code 3:\nno work pool",
    });
  });

  test("complaints that are known are told as what they are", () => {
    expect(engineError(result({ stderr: "error: incorrect passphrase\n" }), "dev")).toMatchObject({
      code: "E_PASSPHRASE",
      exitCode: 2,
    });
    expect(engineError(result({ stderr: "error: no stack named 'dev' found\n" }), "dev")?.code).toBe(
      "E_NOT_DEPLOYED",
    );
  });

  test("anything else is passed on", () => {
    const stderr = "one\ntwo\nthree\nfour\nfive\nsix\n";
    expect(engineError(result({ stderr }), "dev")).toMatchObject({
      code: "E_ENGINE",
      message: "The engine failed (exit 255): two\nthree\nfour\nfive\nsix",
    });
  });
});

const found = (() => {
  try {
    return execFileSync("pulumi", ["version"], { stdio: ["ignore", "pipe", "ignore"] }).length > 0;
  } catch {
    return false;
  }
})();

test.skipIf(!found)("the real engine says what this code reads", { timeout: 60_000 }, async () => {
  const project = makeProject(
    {
      "Pulumi.yaml":
        "name: tiny\nruntime: { name: nodejs, options: { typescript: false } }\nmain: index.mjs\nbackend: { url: file://./state }\n",
      "package.json": '{"name": "tiny", "type": "module"}',
      "state/.keep": "",
      "index.mjs": `import * as pulumi from "@pulumi/pulumi";
class Thing extends pulumi.ComponentResource {
  constructor(name) {
    super("tiny:index:Thing", name);
    this.registerOutputs({});
  }
}
new Thing("one");
if (process.env.TINY_FAILS) throw new pulumi.RunError("the one-shot ended with exit code 3:\\nno work pool");
export const answer = 42;
`,
    },
    { bare: true },
  );
  symlinkSync(resolve(import.meta.dirname, "../../../node_modules"), join(project, "node_modules"));
  setVariable("PULUMI_CONFIG_PASSPHRASE_FILE", undefined);
  setVariable("PULUMI_CONFIG_PASSPHRASE", "for this test only");
  execFileSync("pulumi", ["stack", "init", "dev", "--non-interactive"], { cwd: project, stdio: "ignore" });

  const options = { project, stack: "dev" };
  const first = await runEngine("up", options);
  expect(first).toMatchObject({ code: 0, changes: { create: 2 }, errors: [] });
  expect(first.steps.filter((s) => s.name === "one").map(({ op, type, state }) => [op, type, state])).toEqual(
    [
      ["create", "tiny:index:Thing", "started"],
      ["create", "tiny:index:Thing", "done"],
    ],
  );
  const again = await runEngine("preview", options);
  expect(again).toMatchObject({ code: 0, changes: { same: 2 } });
  expect(new Set(again.steps.map((s) => s.state))).toContain("planned");

  setVariable("TINY_FAILS", "1");
  const failed = await runEngine("up", options);
  expect(failed.code).not.toBe(0);
  expect(failed.errors).toEqual(["the one-shot ended with exit code 3:\nno work pool"]);
});
