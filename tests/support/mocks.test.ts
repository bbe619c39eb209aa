import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { readable, record } from "./mocks.ts";

test("inputs are recorded as they are, secret ones as hidden, and what depends on what", async () => {
  const recorded = await record(async () => {
    const volume = new docker.Volume("v", { name: "a-volume" }, { retainOnDelete: true });
    const envs = [pulumi.secret("KEY=abc"), "OPEN=1"];
    const container = new docker.Container("c", { image: "sha256:1", name: volume.name, envs });
    return container.name;
  });
  expect(recorded.resources.length).toBe(2);
  const { inputs, options, urn } = recorded.get("docker:index/container:Container", "c");
  expect(inputs).toEqual({
    image: "sha256:1",
    name: "a-volume",
    envs: expect.arrayContaining([{ hidden: "KEY=abc" }, "OPEN=1"]),
  });
  expect(JSON.stringify(readable(inputs))).not.toContain("abc");
  expect(options.dependsOn).toEqual(["Volume v"]);
  expect(urn).toBe("urn:pulumi:dev::datalab::docker:index/container:Container::c");
  expect(() => recorded.get("docker:index/volume:Volume", "w")).toThrow(
    "0 resources docker:index/volume:Volume w were recorded",
  );
});

test("an input that is unknown fails the recording, and is named", async () => {
  const program = async () => {
    const volume = new docker.Volume("v", {});
    // Nothing gives this mock volume a mountpoint: in a preview it is unknown.
    new docker.Container("c", { image: "i", name: "c", command: ["ls", volume.mountpoint] });
  };
  await expect(record(program, { preview: true })).rejects.toThrow(
    "the mock was given an unknown value at c: command.1",
  );
});

test("a failing program fails the recording", async () => {
  await expect(
    record(() =>
      pulumi.output(1).apply(() => {
        throw new Error("no such luck");
      }),
    ),
  ).rejects.toThrow("no such luck");
});

test("resources that are registered late are waited for", async () => {
  const recorded = await record(async () => {
    const first = new docker.Volume("first", {});
    first.urn.apply(() => new docker.Volume("second", {}));
    return first.urn;
  });
  expect(recorded.resources.map((r) => r.name)).toContain("second");
});
