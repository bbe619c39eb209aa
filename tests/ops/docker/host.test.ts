import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { dockerHost, parseDockerSize } from "../../../src/ops/docker/host.ts";
import { checkPorts } from "../../../src/ops/docker/ports.ts";
import { standIn } from "../../support/programs.ts";
import { declare, makeProject, modelOf, platformYaml } from "../../support/project.ts";

test.each([
  ["0B", 0],
  ["46.2MB", 46_200_000],
  ["1.5GB", 1_500_000_000],
  ["12kB", 12_000],
  ["999B", 999],
  ["1.25TB", 1_250_000_000_000],
  ["N/A", 0],
  ["", 0],
])("Docker's %j are %d bytes", (text, bytes) => {
  expect(parseDockerSize(text)).toBe(bytes);
});

const callsOf = (folder: string): string[][] =>
  readFileSync(join(folder, "calls"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("what carries a stack's labels", () => {
  test("is listed with its data", async () => {
    const folder = standIn(
      "docker",
      `const answers = {
  ps: "datalab-dev-core\\ndatalab-dev-postgres\\n",
  "network ls": "datalab-dev\\n",
  "volume ls": "datalab-dev-postgres-data\\ndatalab-dev-other\\n",
  "volume inspect": JSON.stringify([
    { Name: "datalab-dev-postgres-data", Labels: { "datalab.service": "postgres" } },
    { Name: "datalab-dev-other", Labels: null },
  ]),
  "system df": JSON.stringify([{ Name: "datalab-dev-postgres-data", Size: "46.2MB" }]),
};
process.stdout.write(answers[args[0]] ?? answers[args.slice(0, 2).join(" ")] ?? "");`,
    );
    expect(await dockerHost.inventory("dev")).toEqual({
      objects: [
        { kind: "container", name: "datalab-dev-core" },
        { kind: "container", name: "datalab-dev-postgres" },
        { kind: "network", name: "datalab-dev" },
      ],
      volumes: [
        { name: "datalab-dev-postgres-data", service: "postgres", bytes: 46_200_000 },
        { name: "datalab-dev-other", service: "", bytes: null },
      ],
    });
    for (const args of callsOf(folder).filter((a) => a.includes("ls") || a[0] === "ps")) {
      expect(args).toEqual(expect.arrayContaining(["--filter", "label=datalab.stack=dev"]));
    }
  });

  test("is removed, and nothing is asked for when there is nothing", async () => {
    const folder = standIn("docker", "");
    await dockerHost.removeLeftovers([
      { kind: "container", name: "a" },
      { kind: "container", name: "b" },
      { kind: "network", name: "n" },
    ]);
    await dockerHost.removeVolumes(["v"]);
    expect(callsOf(folder)).toEqual([
      ["rm", "--force", "--volumes", "a", "b"],
      ["network", "rm", "n"],
      ["volume", "rm", "v"],
    ]);
    await dockerHost.removeLeftovers([]);
    await dockerHost.removeVolumes([]);
    expect(callsOf(folder).length).toBe(3);
  });

  test("that can't be removed is said in Docker's words", async () => {
    standIn("docker", `process.stderr.write("volume is in use\\n"); process.exit(1);`);
    await expect(dockerHost.removeVolumes(["v"])).rejects.toMatchObject({
      code: "E_DOCKER",
      message: "docker volume rm failed: volume is in use",
    });
  });
});

describe("ports", () => {
  const pulling = (offset: number) =>
    declare(makeProject({ "Pulumi.dev.yaml": platformYaml(`portOffset: ${offset}`) }));

  /** Somebody who listens on a port that the core would have, and the offset that moves it there. */
  async function busyPort(): Promise<{ port: number; offset: number }> {
    for (;;) {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      onTestFinished(() => void server.close());
      const { port } = server.address() as AddressInfo;
      const offset = port - 7070;
      if (offset > 0 && offset < 50_000) return { port, offset };
    }
  }

  test("that are free are fine, without a question to Docker", async () => {
    const folder = standIn("docker", "");
    const model = { ...pulling(0).model, services: [] };
    await checkPorts(model, pulling(0).environment);
    expect(existsSync(join(folder, "calls"))).toBe(false);
  });

  test("that a process has are refused, with its name", async () => {
    standIn("docker", "");
    const { port, offset } = await busyPort();
    const { model, environment } = pulling(offset);
    const error = await checkPorts(model, environment).catch((e: Error) => e);
    expect((error as Error).message).toContain(
      `✖ services.core.ports.api: expected a free port, received ${port}, which `,
    );
    expect((error as Error).message).toMatch(
      /which (the process .+ \(pid \d+\)|another process) has\n {2}→ Pulumi\.dev\.yaml:2:3\n/,
    );
    expect((error as Error).message).toContain(
      "  Stop it, set services.core.ports.api, or shift all ports with portOffset.",
    );
  });

  const container = (stack: string, port: number) => {
    const bindings = { "7070/tcp": [{ HostPort: String(port) }], "9/tcp": null };
    return [
      {
        Name: "/datalab-x-core",
        State: { Status: "running" },
        Config: { Labels: { "datalab.stack": stack } },
        HostConfig: { PortBindings: bindings },
        NetworkSettings: { Ports: bindings },
      },
    ];
  };
  const dockerWith = (stack: string, port: number) =>
    standIn(
      "docker",
      `console.log(args[0] === "ps" ? "abc" : ${JSON.stringify(JSON.stringify(container(stack, port)))});`,
    );

  test("that another stack's container has are refused, with its name", async () => {
    const { port, offset } = await busyPort();
    dockerWith("other", port);
    const { model, environment } = pulling(offset);
    await expect(checkPorts(model, environment)).rejects.toThrow(
      `received ${port}, which the container datalab-x-core has`,
    );
  });

  test("that the stack's own containers have are fine", async () => {
    const { port, offset } = await busyPort();
    dockerWith("dev", port);
    const { model, environment } = pulling(offset);
    await expect(checkPorts(model, environment)).resolves.toBeUndefined();
  });
});

describe("what the engine takes for there", () => {
  const model = modelOf();
  const all = model.services.flatMap(({ workloads }) => workloads).map(({ name }) => `datalab-dev-${name}`);
  const incomplete = async (names: readonly string[]) => {
    standIn("docker", `console.log(${JSON.stringify(names.join("\n"))});`);
    return dockerHost.isIncomplete?.(model);
  };

  test("is all there, whatever else is", async () => {
    expect(await incomplete([...all, "datalab-dev-core-files", "datalab-dev-notebook-ann"])).toBe(false);
  });

  test("is not when a container was removed by hand", async () => {
    expect(await incomplete(all.slice(1))).toBe(true);
    expect(await incomplete([])).toBe(true);
  });
});

test("all that holds no data goes: containers when they have stopped, then networks, then files", async () => {
  const folder = standIn(
    "docker",
    `const has = (text) => args.some((arg) => arg.includes(text));
if (args[0] === "ps" && !has("--quiet")) console.log("datalab-dev-core\\ndatalab-dev-core-files");
if (args[0] === "network" && args[1] === "ls") console.log("datalab-dev");
if (args[0] === "volume" && args[1] === "ls") console.log(has("role=files") ? "datalab-dev-core-files" : "datalab-dev-core-files\\ndatalab-dev-postgres-data");
if (args[0] === "volume" && args[1] === "inspect") console.log("[]");`,
  );
  await dockerHost.removeObjects?.("dev");
  expect(callsOf(folder).filter((args) => args.includes("rm"))).toEqual([
    ["rm", "--force", "--volumes", "datalab-dev-core", "datalab-dev-core-files"],
    ["network", "rm", "datalab-dev"],
    ["volume", "rm", "datalab-dev-core-files"],
  ]);
});
