import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Confines, confine, isHome, Refusal, spawnedNames } from "../../src/agent/confinement.ts";
import { tarOf } from "../../src/agent/env-volume.ts";

const confines: Confines = {
  stack: "dev",
  instancePrefix: "datalab-dev-",
  user: "hub",
  token: "t",
  image: "sha256:abc",
  network: "datalab-dev",
  service: "jupyterhub",
  home: "/home/notebook",
  memoryBytes: 1000,
  maxMemoryBytes: 5000,
  milliCpu: 500,
  maxMilliCpu: 2000,
  pids: 10,
  tmpBytes: 100,
};
const names = spawnedNames(confines, "datalab-dev-notebook-ann");
if (!names) throw new Error("the name is a good one");
const body = (asked: unknown) =>
  confine(confines, names, asked).body as { HostConfig: Record<string, unknown> };

describe("names", () => {
  test.each([
    ["datalab-dev-notebook-ann", "datalab-dev-notebook-ann-home"],
    ["datalab-dev-notebook-ann--second", "datalab-dev-notebook-ann-home"],
    ["datalab-dev-notebook--41nn-2eb", "datalab-dev-notebook--41nn-2eb-home"],
    ["datalab-dev-notebook-ann---41", "datalab-dev-notebook-ann-home"],
  ])("%s has the home %s", (container, home) => {
    const found = spawnedNames(confines, container);
    expect(found?.home).toBe(home);
    expect(isHome(confines, home)).toBe(true);
  });

  test("of anything else are none", () => {
    for (const name of [
      "datalab-dev-postgres",
      "datalab-dev-notebook-",
      "datalab-devnotebook-a",
      "x",
      "datalab-dev-notebook-a-",
    ]) {
      expect([name, spawnedNames(confines, name)]).toEqual([name, undefined]);
    }
    for (const volume of [
      "datalab-dev-postgres-data",
      "datalab-dev-notebook-ann-env",
      "datalab-dev-notebook-ann--b-home",
    ]) {
      expect([volume, isHome(confines, volume)]).toEqual([volume, false]);
    }
  });
});

describe("limits", () => {
  test.each([
    [{}, 1000, 500],
    [{ Memory: 3000, CpuQuota: 150_000, CpuPeriod: 100_000 }, 3000, 1500],
    [{ Memory: 9000, NanoCpus: 9e9 }, 5000, 2000],
    [{ Memory: -1, CpuQuota: -1 }, 1000, 500],
  ])("asked for %j are %d bytes and %d thousandths of a core", (HostConfig, memory, milliCpu) => {
    expect(body({ HostConfig }).HostConfig).toMatchObject({
      Memory: memory,
      MemorySwap: memory,
      NanoCpus: milliCpu * 1e6,
    });
  });
});

test("whatever is asked for, what is made is confined, or nothing is", () => {
  const plain = body({}).HostConfig;
  const fixed = [
    "Privileged",
    "CapDrop",
    "SecurityOpt",
    "ReadonlyRootfs",
    "Mounts",
    "NetworkMode",
    "RestartPolicy",
    "PidsLimit",
  ];
  const key = fc.oneof(
    fc.constantFrom(
      "Privileged",
      "Binds",
      "CapAdd",
      "PidMode",
      "Devices",
      "Memory",
      "NetworkMode",
      "Tmpfs",
      "__proto__",
    ),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.dictionary(key, fc.jsonValue()), fc.dictionary(key, fc.jsonValue()), (host, more) => {
      try {
        const made = body({ ...more, HostConfig: host });
        for (const each of fixed) expect(made.HostConfig[each]).toEqual(plain[each]);
        expect(Object.keys(made.HostConfig)).toEqual(Object.keys(plain));
        expect(made).toMatchObject({ Image: "sha256:abc", User: "10001:10001" });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
    }),
  );
});

test("variables go to a file, quoted for the shell, and not into what Docker shows", () => {
  const made = confine(confines, names, { Env: ["A=it's", "B=$(id)\nx", "EMPTY="] });
  expect(made.environment).toBe("A='it'\\''s'\nB='$(id)\nx'\nEMPTY=''\n");
  expect(JSON.stringify(made.body)).not.toContain("it's");
  for (const Env of [["no equals"], ["A B=1"], ["1A=x"], [1], "A=1"]) {
    expect(() => confine(confines, names, { Env })).toThrow(Refusal);
  }
});

test("the archive is one that tar reads", async () => {
  const { spawnSync } = await import("node:child_process");
  for (const text of ["", "x", "y".repeat(512), "z".repeat(1000)]) {
    const ran = spawnSync("tar", ["-xO", "env"], { input: tarOf("env", Buffer.from(text)) });
    expect([ran.status, ran.stdout.toString()]).toEqual([0, text]);
  }
});
