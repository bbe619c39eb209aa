import { statSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { imageTag } from "../../src/images/catalog.ts";
import { defineService } from "../../src/model/service.ts";
import { deployDocker } from "../../src/targets/docker/index.ts";
import { type Recording, record } from "../support/mocks.ts";
import { modelOf } from "../support/project.ts";
import { images } from "./expected.ts";

const type = "docker:index/container:Container";

/** Workers that run three times, and an agent of the host that starts containers by itself. */
const farm = defineService({
  name: "farm",
  summary: "Workers.",
  version: "1",
  needs: {},
  parts: {
    worker: {
      image: "core",
      command: () => ["work"],
      replicas: () => 3,
      files: () => ({ "settings.json": "{}" }),
      endpoints: { ui: { port: 8081, protocol: "http", summary: "the worker" } },
      probe: { command: ["true"], within: "10s" },
      resources: { cpu: "50m", memory: "32Mi" },
    },
    agent: {
      image: "core",
      command: () => ["watch"],
      env: ({ image }) => ({ STARTS: image("python") }),
      after: [{ part: "worker", endpoint: "ui" }],
      host: ["containers"],
      probe: { command: ["true"], within: "10s" },
      resources: { cpu: "50m", memory: "32Mi" },
    },
  },
  checks: {},
  backup: "none",
});

describe("parts on Docker", () => {
  let recorded: Recording;
  const inputs = (name: string) => recorded.get(type, name).inputs;
  beforeAll(async () => {
    recorded = await record(() => deployDocker(modelOf("", "dev", [farm]), images), {
      config: { "datalab:masterSecret": "m".repeat(43) },
    });
  });

  test("replicas are containers of their own names behind one name, with the same files", () => {
    const names = ["farm-worker", "farm-worker-2", "farm-worker-3"];
    expect(names.map((name) => inputs(name).name)).toEqual(names.map((name) => `datalab-dev-${name}`));
    expect(names.map((name) => inputs(name).hostname)).toEqual(names);
    for (const name of names) {
      expect(inputs(name).networksAdvanced).toEqual([{ name: "datalab-dev", aliases: ["farm-worker"] }]);
      expect(inputs(name).volumes).toEqual([
        { volumeName: "datalab-dev-farm-worker-files", containerPath: "/run/datalab", readOnly: false },
      ]);
    }
    expect(recorded.resources.filter((r) => r.name === "farm-worker-files").map((r) => r.type)).toEqual([
      "docker:index/volume:Volume",
      type,
    ]);
  });

  test("who waits for replicas starts after all of them", () => {
    expect(recorded.get(type, "farm-agent").options.dependsOn).toEqual([
      "Container farm-worker",
      "Container farm-worker-2",
      "Container farm-worker-3",
      "Network network",
    ]);
  });

  test("the Docker API is mounted where it is asked for, with the group that may use it, and nowhere else", () => {
    const socket = "/var/run/docker.sock";
    expect(inputs("farm-agent").volumes).toEqual([
      { hostPath: socket, containerPath: socket, readOnly: true },
    ]);
    expect(inputs("farm-agent").groupAdds).toEqual([
      String(statSync(socket, { throwIfNoEntry: false })?.gid ?? 0),
    ]);
    expect(inputs("farm-worker").groupAdds).toBeUndefined();
    expect(inputs("farm-agent").user).toBe("10001:10001");
  });

  test("an image is named by its tag to whoever starts containers by itself", () => {
    expect(inputs("farm-agent").envs).toContain(`STARTS=${imageTag("python")}`);
  });
});
