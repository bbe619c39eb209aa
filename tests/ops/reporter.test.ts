import { expect, test } from "vitest";
import { DatalabError } from "../../src/errors.ts";
import { type Reporter, runStep } from "../../src/ops/reporter.ts";

/** A reporter that keeps every call. */
function record(): { reporter: Reporter; calls: string[] } {
  const calls: string[] = [];
  const call = (name: string, how: string) => (text?: string) =>
    void calls.push(`${name} ${how}${text === undefined ? "" : ` ${text}`}`);
  const step = (name: string) => {
    calls.push(name);
    return { update: call(name, "update"), done: call(name, "done"), fail: call(name, "fail") };
  };
  return { reporter: { step }, calls };
}

test("a step is shown at once, takes updates and is done with the text of the result", async () => {
  const { reporter, calls } = record();
  const result = await runStep(reporter, "images", async (step) => {
    step.update("building python");
    return [7, "built python"];
  });
  expect(result).toBe(7);
  expect(calls).toEqual(["images", "images update building python", "images done built python"]);
});

test("a result without a text ends a step that is shown", async () => {
  const { reporter, calls } = record();
  await runStep(reporter, "preview", async () => [undefined, undefined]);
  expect(calls).toEqual(["preview", "preview done"]);
});

test("work that throws fails its step, and the error goes on", async () => {
  const { reporter, calls } = record();
  const work = async () => {
    throw new Error("no space left");
  };
  await expect(runStep(reporter, "objects", work)).rejects.toThrow("no space left");
  expect(calls).toEqual(["objects", "objects fail"]);
});

test("after an interrupt the failure is reported as the interrupt", async () => {
  const { reporter, calls } = record();
  const interrupt = new AbortController();
  const work = async () => {
    interrupt.abort();
    throw new Error("the build has ended with 137");
  };
  const error = await runStep(reporter, "images", work, { signal: interrupt.signal }).catch((e) => e);
  expect(error).toBeInstanceOf(DatalabError);
  expect(error).toMatchObject({ code: "E_INTERRUPTED", exitCode: 130 });
  expect(calls).toEqual(["images", "images fail"]);
});

test("an interrupt during work that succeeds is no failure", async () => {
  const { reporter, calls } = record();
  const signal = AbortSignal.abort();
  expect(await runStep(reporter, "drift", async () => ["none", "none"], { signal })).toBe("none");
  expect(calls).toEqual(["drift", "drift done none"]);
});

test("a step that the work has ended itself stays as it is", async () => {
  const { reporter, calls } = record();
  const result = await runStep(reporter, "functional checks", async (step) => {
    step.fail("mlflow is down");
    return ["down", "passed"];
  });
  expect(result).toBe("down");
  expect(calls).toEqual(["functional checks", "functional checks fail mlflow is down"]);
});

test("a lazy step is shown when there is something to say", async () => {
  const { reporter, calls } = record();
  const lazy = { lazy: true };
  await runStep(reporter, "spawned", async () => [undefined, undefined], lazy);
  expect(calls).toEqual([]);
  await runStep(reporter, "leftovers", async () => [undefined, "removed a"], lazy);
  expect(calls).toEqual(["leftovers", "leftovers done removed a"]);
  const work = async () => {
    throw new Error("in use");
  };
  await expect(runStep(reporter, "data", work, lazy)).rejects.toThrow("in use");
  expect(calls.slice(2)).toEqual(["data", "data fail"]);
});
