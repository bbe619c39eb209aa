import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Health } from "../../../src/core/health.ts";
import { dockerRuntime } from "../../../src/ops/docker/runtime.ts";
import { type Action, type ControlOptions, controlServices } from "../../../src/ops/services/control.ts";
import type { CoreClient } from "../../../src/ops/services/core-client.ts";
import { dependenciesOf, dependentsOf, selectServices } from "../../../src/ops/services/selection.ts";
import { withStopped } from "../../../src/ops/services/services.ts";
import type { Instance, Runtime } from "../../../src/ops/target.ts";
import type { PlatformOutput } from "../../../src/outputs/platform.ts";
import { platform as fixture } from "../fixture-platform.ts";

const project = mkdtempSync(join(tmpdir(), "datalab-control-"));
afterAll(() => rmSync(project, { recursive: true }));

/** core · postgres <- prefect (server <- worker, which is drained) <- hub, which has spawned a notebook. */
function platformOf(): PlatformOutput {
  const base = fixture();
  const [core, postgres, prefect] = base.services as [never, never, PlatformOutput["services"][number]];
  const drain = { command: ["drain"], withinSeconds: 5 };
  return {
    ...base,
    services: [
      core,
      postgres,
      {
        ...prefect,
        dependsOn: ["postgres"],
        workloads: prefect.workloads.map((w) =>
          w.name === "prefect-worker" ? { ...w, after: ["prefect"], drain } : w,
        ),
      },
      {
        ...prefect,
        name: "hub",
        dependsOn: ["prefect"],
        workloads: [
          {
            ...(prefect.workloads[0] as (typeof prefect.workloads)[number]),
            name: "hub",
            instance: "datalab-dev-hub",
          },
        ],
      },
    ],
  };
}

/** Remembers what it was told, and answers like a target whose instances do what they are told. */
class Recorder implements Runtime {
  readonly log: string[] = [];
  readonly homes = dockerRuntime.homes;
  readonly owners = async () => [];
  readonly #instances: Map<string, Instance>;
  drained = 0;

  constructor(
    running: readonly (readonly [service: string, name: string])[],
    stopped: readonly string[] = [],
  ) {
    this.#instances = new Map(
      running.map(([service, name]) => [
        `datalab-dev-${name}`,
        {
          name: `datalab-dev-${name}`,
          service,
          workload: name,
          oneShot: name === "prefect-register",
          ok: !stopped.includes(name),
          stopped: stopped.includes(name),
          state: stopped.includes(name) ? "exited with 0" : "running",
        },
      ]),
    );
  }
  async exec(instance: string, command: readonly string[], options: { onError?: (line: string) => void }) {
    this.log.push(`${command.join(" ")} in ${instance.slice(12)}`);
    options.onError?.("cancels lazy-newt: it has not ended within 5 s");
    return { code: this.drained, stdout: "{}", stderr: "" };
  }
  async logs() {}
  async instances() {
    return [...this.#instances.values()];
  }
  async start(instance: string) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    this.log.push(`start ${instance.slice(12)}`);
    this.#set(instance, false);
  }
  async rerun(instance: string) {
    this.log.push(`rerun ${instance}`);
  }
  async stop(instance: string, grace: number) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    this.log.push(`stop ${instance.slice(12)} ${grace}`);
    this.#set(instance, true);
  }
  #set(name: string, stopped: boolean) {
    const known = this.#instances.get(name);
    if (known) this.#instances.set(name, { ...known, stopped, ok: !stopped });
  }
}

const everything = [
  ["core", "core"],
  ["postgres", "postgres"],
  ["prefect", "prefect"],
  ["prefect", "prefect-worker"],
  ["prefect", "prefect-register"],
  ["hub", "hub"],
  ["hub", "notebook-ada"],
] as const;

const healthy = (platform: PlatformOutput): CoreClient => {
  const health = async (): Promise<Health> => ({
    stack: "dev",
    state: "healthy",
    at: new Date().toISOString(),
    services: platform.services.map(({ name }) => ({
      name,
      state: "healthy",
      checks: [{ name: "works", ok: true, ms: 0, at: new Date(Date.now() + 1).toISOString(), history: [] }],
    })),
  });
  return {
    health,
    check: health,
    alerts: () => Promise.reject(new Error("nobody asks for alerts here")),
    service: async (name) => (await health()).services.find((s) => s.name === name) as never,
  };
};

const reporter = { step: () => ({ update: () => {}, done: () => {}, fail: () => {} }) };

function control(action: Action, runtime: Runtime, options: Partial<ControlOptions>) {
  const platform = platformOf();
  return controlServices(action, {
    project,
    platform,
    core: healthy(platform),
    runtime,
    names: [],
    all: false,
    withDependents: false,
    reporter,
    signal: new AbortController().signal,
    ...options,
  });
}

test("stop --all ends what needs others first, drains, and takes spawned instances along", async () => {
  const runtime = new Recorder(everything);
  const done = await control("stop", runtime, { all: true });
  const { log } = runtime;
  const at = (line: string) => {
    expect(log).toContain(line);
    return log.indexOf(line);
  };
  const chain = [
    "stop notebook-ada 10",
    "stop hub 10",
    "drain in prefect-worker",
    "stop prefect-worker 10",
    "stop prefect 10",
    "stop postgres 10",
  ];
  expect(chain.map(at)).toEqual(chain.map(at).toSorted((a, b) => a - b));
  at("stop core 10");
  expect(log).toHaveLength(7);
  expect(done.map(({ name, state, changed }) => [name, state, changed])).toEqual([
    ["core", "stopped", true],
    ["postgres", "stopped", true],
    ["prefect", "stopped", true],
    ["hub", "stopped", true],
  ]);
  expect(done[2]?.notes).toEqual(["cancels lazy-newt: it has not ended within 5 s"]);
});

test("stopping what is stopped does nothing", async () => {
  const runtime = new Recorder(
    everything,
    everything.map(([, name]) => name),
  );
  const done = await control("stop", runtime, { all: true });
  expect(runtime.log).toEqual([]);
  expect(done.every(({ changed }) => !changed)).toBe(true);
});

test("start brings what is stopped and the way to it, in order, and not what a service spawns itself", async () => {
  const runtime = new Recorder(
    everything,
    everything.map(([, name]) => name),
  );
  const done = await control("start", runtime, { names: ["hub"] });
  expect(runtime.log).toEqual([
    "start core",
    "start postgres",
    "start prefect",
    "start prefect-worker",
    "start hub",
  ]);
  expect(done.map(({ name, state }) => `${name} ${state}`)).toEqual([
    "core healthy",
    "postgres healthy",
    "prefect healthy",
    "hub healthy",
  ]);
});

describe("what needs a service that is to be stopped", () => {
  test("refuses it, with the names, and nothing is touched", async () => {
    const runtime = new Recorder(everything);
    await expect(control("stop", runtime, { names: ["postgres"] })).rejects.toMatchObject({
      code: "E_DEPENDENTS",
      exitCode: 2,
      message: expect.stringContaining("prefect, hub"),
    });
    expect(runtime.log).toEqual([]);
  });

  test("is stopped too when asked for", async () => {
    const runtime = new Recorder(everything);
    const done = await control("stop", runtime, { names: ["postgres"], withDependents: true });
    expect(done.map(({ name }) => name)).toEqual(["postgres", "prefect", "hub"]);
    expect(runtime.log.at(-1)).toBe("stop postgres 10");
  });

  test("does not matter when it does not run", async () => {
    const runtime = new Recorder(everything, ["hub", "notebook-ada", "prefect", "prefect-worker"]);
    await control("stop", runtime, { names: ["postgres"] });
    expect(runtime.log).toEqual(["stop postgres 10"]);
  });

  test("stays when it is restarted", async () => {
    const runtime = new Recorder(everything);
    const [done] = await control("restart", runtime, { names: ["postgres"], withDependents: false });
    expect(runtime.log).toEqual(["stop postgres 10", "start postgres"]);
    expect(done).toMatchObject({ name: "postgres", state: "healthy", changed: true });
  });
});

test("a drain that fails is said, and the stop goes on", async () => {
  const runtime = new Recorder(everything);
  runtime.drained = 1;
  const done = await control("stop", runtime, { names: ["prefect"], withDependents: true });
  expect(done[0]?.notes.at(-1)).toContain("datalab-dev-prefect-worker was not drained");
  expect(runtime.log).toContain("stop prefect 10");
});

test("names are checked, and needed", () => {
  const platform = platformOf();
  expect(() => selectServices(platform, { names: [], all: false })).toThrow("Expected the name of a service");
  expect(() => selectServices(platform, { names: ["core"], all: true })).toThrow("not both");
  expect(() => selectServices(platform, { names: ["prefekt"], all: false })).toThrow('no service "prefekt"');
  const named = selectServices(platform, { names: ["hub", "postgres"], all: false });
  expect(named.map(({ name }) => name)).toEqual(["postgres", "hub"]);
  const [postgres, hub] = named as [never, never];
  expect(dependentsOf(platform, [postgres]).map((s) => s.name)).toEqual(["prefect", "hub"]);
  expect(dependenciesOf(platform, [hub]).map((s) => s.name)).toEqual(["postgres", "prefect"]);
});

test("the status shows what was stopped as stopped, whatever the core believes", async () => {
  const platform = platformOf();
  const status = {
    stack: "dev",
    target: "docker",
    services: platform.services.map(({ name }) => ({ name, state: "healthy" as const, checks: [] })),
  };
  const runtime = new Recorder(everything, ["prefect-worker", "hub"]);
  const shown = withStopped(platform, status, await runtime.instances());
  // A service that has lost only one of its workloads is not stopped: it is broken.
  expect(shown.services.map(({ state }) => state)).toEqual(["healthy", "healthy", "healthy", "stopped"]);
});
