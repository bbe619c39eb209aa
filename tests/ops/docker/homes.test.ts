import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dockerHomes } from "../../../src/ops/docker/homes.ts";
import type { Homes } from "../../../src/ops/target.ts";
import { standIn } from "../../support/programs.ts";

const homes: Homes = {
  ...{ stack: "dev", service: "jupyterhub", workload: "jupyterhub", instance: "datalab-dev-jupyterhub" },
  ...{ key: "notebook", path: "/home/notebook", sizeBytes: 2 ** 30, storageClass: null },
};

/** A Docker that has these volumes, and whose commands in containers run until they are ended. */
function dockerWith(...volumes: string[]) {
  const folder = standIn(
    "docker",
    `const volumes = ${JSON.stringify(volumes)};
if (args[0] === "volume" && args[1] === "inspect") process.exitCode = volumes.includes(args[2]) ? 0 : 1;
if (args[0] === "inspect") console.log("sha256:1");
if (args[0] === "exec") {
  writeFileSync(folder + "/running", "");
  setInterval(() => {}, 1000);
}`,
  );
  const calls = () =>
    readFileSync(join(folder, "calls"), "utf8")
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as string[]).slice(0, 2).join(" "));
  return { folder, calls };
}

test("a home that is gone when it is to be saved is not made anew", async () => {
  const { calls } = dockerWith();
  await expect(dockerHomes.open(homes, "ana", { make: false })).rejects.toMatchObject({
    code: "E_HOME_GONE",
    message: "The home of ana is no longer there.",
  });
  expect(calls()).toEqual(["volume inspect"]);
});

test("one that is there is opened as it is, and one that is to be loaded is made first", async () => {
  const there = dockerWith("datalab-dev-notebook-ana-home");
  await (await dockerHomes.open(homes, "ana", { make: false })).close();
  expect(there.calls()).not.toContain("volume create");
  const absent = dockerWith();
  await (await dockerHomes.open(homes, "ana", { make: true })).close();
  expect(absent.calls()).toContain("volume create");
});

test("a command that does not end is not waited for longer than it may take", async () => {
  const { folder } = dockerWith("datalab-dev-notebook-ana-home");
  const home = await dockerHomes.open(homes, "ana", { make: false });
  await expect(home.run(["sleep", "infinity"], { timeoutSeconds: 3 })).rejects.toThrow(/abort/i);
  expect(existsSync(join(folder, "running")), "it had begun").toBe(true);
  await home.close();
});
