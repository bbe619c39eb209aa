import { expect, test } from "vitest";
import type { Health, ServiceHealth } from "../../../src/core/health.ts";
import { DatalabError } from "../../../src/errors.ts";
import type { CoreClient } from "../../../src/ops/services/core-client.ts";
import { type HealthWaitOptions, waitForHealth } from "../../../src/ops/services/health-wait.ts";
import { awaitHealthy } from "../../../src/ops/services/wait.ts";
import type { Instance, Runtime } from "../../../src/ops/target.ts";
import { platform as fixture } from "../fixture-platform.ts";
import { remember } from "../stand-in-stack.ts";

const changed = Date.parse("2026-01-31T12:00:00Z");
const before = "2026-01-31T11:59:59Z";
const after = "2026-01-31T12:00:01Z";
const unreachable = new DatalabError("E_CORE_UNREACHABLE", "The platform core does not answer.");

const service = (name: string, ok: boolean, at: string): ServiceHealth => ({
  name,
  state: ok ? "healthy" : "down",
  checks: [{ name: "works", ok, ms: 0, at, history: [], ...(!ok && { message: "refused" }) }],
});

const healthOf = (services: readonly ServiceHealth[]): Health => ({
  stack: "dev",
  state: services.every(({ state }) => state === "healthy") ? "healthy" : "degraded",
  at: after,
  services,
});

/** A core that gives these answers in turn, the last one for ever, and remembers which checks it ran. */
function coreOf(answers: readonly (readonly ServiceHealth[] | Error)[]): { core: CoreClient; ran: string[] } {
  const ran: string[] = [];
  let asked = 0;
  const health = async () => {
    const answer = answers[Math.min(asked++, answers.length - 1)];
    if (!answer || answer instanceof Error) throw answer ?? new Error("no answer is known");
    return healthOf(answer);
  };
  const core: CoreClient = {
    health,
    check: async (name = "all") => {
      ran.push(name);
      return healthOf([]);
    },
    service: () => Promise.reject(new Error("nobody asks for one service here")),
    alerts: () => Promise.reject(new Error("nobody asks for alerts here")),
  };
  return { core, ran };
}

/** Waits, and tells what was said meanwhile. */
async function wait(core: CoreClient, options: Partial<HealthWaitOptions> = {}) {
  const said: string[] = [];
  const waited = await waitForHealth({
    core,
    services: ["postgres", "prefect"],
    changedAt: () => changed,
    deadline: Number.POSITIVE_INFINITY,
    pollMs: 1,
    signal: new AbortController().signal,
    onHealthy: (name) => said.push(`${name} is healthy`),
    onPending: (pending, health) => said.push(`${health ? "" : "no answer yet, "}${[...pending].join(", ")}`),
    ...options,
  });
  return { ...waited, pending: [...waited.pending], said };
}

test("each service is told when it is healthy, and the last answer comes back", async () => {
  const { core, ran } = coreOf([
    unreachable,
    [service("postgres", true, after), service("prefect", false, after)],
    [service("postgres", true, after), service("prefect", true, after)],
  ]);
  const { health, pending, isCoreThere, said } = await wait(core);
  expect(said).toEqual([
    "no answer yet, postgres, prefect",
    "postgres is healthy",
    "prefect",
    "prefect is healthy",
  ]);
  expect([health?.state, pending, isCoreThere]).toEqual(["healthy", [], true]);
  expect(ran).toEqual([]);
});

test("a result from before the change does not count: the check is run now, of those services alone", async () => {
  const { core, ran } = coreOf([
    [service("postgres", true, before), service("prefect", true, before), service("hub", true, before)],
    [service("postgres", true, after), service("prefect", true, before), service("hub", true, before)],
  ]);
  const { said } = await wait(core, { changedAt: (name) => (name === "postgres" ? changed : undefined) });
  expect(ran).toEqual(["postgres"]);
  expect(said).toEqual(["postgres is healthy", "prefect is healthy"]);
});

test("a check that began before the change and ended after it does not count", async () => {
  const long = service("postgres", true, after);
  const began = { ...long, checks: long.checks.map((check) => ({ ...check, ms: 1_001 })) };
  const { core, ran } = coreOf([[began], [began], [{ ...began, checks: long.checks }]]);
  const { said } = await wait(core, { services: ["postgres"] });
  expect(ran).toEqual(["postgres"]);
  expect(said).toEqual(["postgres", "postgres is healthy"]);
});

test("what makes the waiting useless ends it before the core is asked", async () => {
  const { core } = coreOf([new Error("the core was asked")]);
  const beforeAsk = () => {
    throw new DatalabError("E_START", "postgres can't start");
  };
  await expect(wait(core, { beforeAsk })).rejects.toMatchObject({ code: "E_START" });
});

test("an interrupt ends it with 130, whatever the core's client throws then", async () => {
  const interrupt = new AbortController();
  const { core } = coreOf([new Error("This operation was aborted")]);
  const beforeAsk = () => interrupt.abort();
  await expect(wait(core, { signal: interrupt.signal, beforeAsk })).rejects.toMatchObject({
    code: "E_INTERRUPTED",
    exitCode: 130,
  });
});

test("an error that is no silence of the core goes on", async () => {
  const { core } = coreOf([new TypeError("services is undefined")]);
  await expect(wait(core)).rejects.toThrow("services is undefined");
});

test("at the deadline the last answer tells what is missing", async () => {
  const { core } = coreOf([[service("postgres", true, after), service("prefect", false, after)]]);
  const { health, pending, isCoreThere } = await wait(core, { deadline: 0 });
  expect(health?.services.map(({ name, state }) => `${name} ${state}`)).toEqual([
    "postgres healthy",
    "prefect down",
  ]);
  expect([pending, isCoreThere]).toEqual([["prefect"], true]);
});

test("a core that is silent for too long ends it, with what was known before", async () => {
  const { core } = coreOf([
    [service("postgres", true, after), service("prefect", false, after)],
    unreachable,
  ]);
  const { health, pending, isCoreThere } = await wait(core, { maxSilenceMs: 0 });
  expect([health?.services.length, pending, isCoreThere]).toEqual([2, ["prefect"], false]);
});

test("after a start, a service that stays ill is told with its failing check", async () => {
  const platform = fixture();
  const names = ["core", "postgres", "prefect"];
  const { core } = coreOf([names.map((name) => service(name, name !== "prefect", after))]);
  const { reporter, steps } = remember();
  const runtime = { instances: () => Promise.reject(new Error("the core has answered")) } as never as Runtime;
  const waited = await awaitHealthy(platform, platform.services, {
    ...{ since: changed, core, reporter, runtime, signal: new AbortController().signal },
  });
  expect([...waited].map(([name, { state, notes }]) => [name, state, notes])).toEqual([
    ["core", "healthy", []],
    ["postgres", "healthy", []],
    ["prefect", "down", ["works: refused"]],
  ]);
  expect(steps).toEqual(["functional checks: failed prefect is down"]);
});

test("without the core, what the target says of the instances has to do", async () => {
  const platform = fixture();
  const { core } = coreOf([unreachable]);
  const { reporter, steps } = remember();
  const ok = platform.services.flatMap(({ workloads }) => workloads.map(({ instance }) => instance));
  const instances = async () => ok.map((name) => ({ name, ok: true }) as Instance);
  const waited = await awaitHealthy(platform, platform.services, {
    ...{ since: changed, core, reporter, signal: new AbortController().signal },
    runtime: { instances } as never as Runtime,
  });
  const note = "the results of its functional checks are unknown: the core does not answer";
  expect([...waited].map(([name, { state, notes }]) => [name, state, notes])).toEqual([
    ["core", "healthy", [note]],
    ["postgres", "healthy", [note]],
    ["prefect", "healthy", [note]],
  ]);
  expect(steps).toEqual(["functional checks: done unknown"]);
});
