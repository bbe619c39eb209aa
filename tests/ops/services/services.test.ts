import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toInstance } from "../../../src/ops/docker/runtime.ts";
import { coreClient } from "../../../src/ops/services/core-client.ts";
import {
  allHealthy,
  findService,
  mainUrl,
  platformStatus,
  statusFromInstances,
} from "../../../src/ops/services/services.ts";
import type { Instance } from "../../../src/ops/target.ts";
import { entry, type RunningCore, startProcess, until } from "../../core/process.ts";
import { platform } from "../fixture-platform.ts";

const instance = (workload: string, ok: boolean, state: string): Instance => ({
  name: `datalab-dev-${workload}`,
  service: workload,
  workload,
  oneShot: false,
  ok,
  stopped: state.startsWith("exited"),
  state,
});

describe("with a core", () => {
  let core: RunningCore;
  beforeAll(async () => {
    core = await startProcess(
      ["core", "postgres", "prefect"],
      [
        entry("core", "unknown"),
        { ...entry("postgres", "query"), http: { url: "http://127.0.0.1:1/", status: 200 } },
        // The fixture's functions belong to the service "fixture": these answer for themselves.
        entry("prefect", "api"),
      ],
    );
  });
  afterAll(() => core.stop());

  test("the status is what the core found", async () => {
    const client = coreClient(core.url);
    await until(
      () => client.health(),
      ({ services }) => services.every(({ checks }) => checks.every(({ history }) => history.length > 0)),
    );
    const status = await platformStatus(platform(core.url));
    expect(status.services[1]).toEqual({
      name: "postgres",
      state: "down",
      checks: [
        { name: "query", ok: false, ms: expect.any(Number), message: "connect ECONNREFUSED 127.0.0.1:1" },
      ],
    });
    expect(Object.keys(status)).toEqual(["stack", "target", "services"]);
    expect(status.services[2]?.url).toBe("http://127.0.0.1:4200/");
    expect(allHealthy(status)).toBe(false);
  });

  test("checks can be run now, those of one service too", async () => {
    const client = coreClient(`${core.url}/`);
    const { services } = await client.check("postgres");
    expect(services.map(({ name }) => name)).toEqual(["postgres"]);
    expect((await client.service("postgres")).checks[0]?.history.length).toBeGreaterThan(0);
    await expect(client.check("nobody")).rejects.toMatchObject({ code: "E_SERVICE" });
  });

  test("its own refusals keep their code", async () => {
    await expect(coreClient(core.url).service("nobody")).rejects.toThrow(
      'No service "nobody"; there are core, postgres, prefect.',
    );
  });
});

test("a core that does not answer is said, with its address and the reason", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  await expect(coreClient(`http://127.0.0.1:${port}`).health()).rejects.toMatchObject({
    code: "E_CORE_UNREACHABLE",
    message: `The platform core at http://127.0.0.1:${port} does not answer (ECONNREFUSED).`,
  });
});

describe("without a core", () => {
  const all = [
    instance("core", true, "running"),
    instance("postgres", true, "running"),
    instance("prefect", true, "running"),
    instance("prefect-worker", true, "running"),
  ];

  test("services are as healthy as their containers, and the core's service is not", () => {
    const status = statusFromInstances(platform(), all, "no answer");
    expect(status.services.map(({ name, state }) => [name, state])).toEqual([
      ["core", "degraded"],
      ["postgres", "healthy"],
      ["prefect", "healthy"],
    ]);
    expect(status.services[0]?.checks[1]).toEqual({
      name: "answers",
      ok: false,
      ms: 0,
      message: "no answer",
    });
  });

  test("a container that is missing or ended is named", () => {
    const some = [instance("prefect", true, "running"), instance("prefect-worker", false, "exited with 137")];
    const status = statusFromInstances(platform(), some, "no answer");
    expect(status.services.map(({ state }) => state)).toEqual(["down", "down", "degraded"]);
    expect(status.services[1]?.checks).toEqual([
      { name: "container", ok: false, ms: 0, message: "postgres: no container" },
    ]);
    expect(status.services[2]?.checks[0]?.message).toBe("prefect-worker: exited with 137");
  });

  test("a one-shot that failed counts against its service", () => {
    const failed = { ...instance("prefect-register", false, "exited with 1"), oneShot: true };
    expect(statusFromInstances(platform(), [...all, failed], "-").services[2]?.state).toBe("degraded");
  });
});

test.each([
  [{ Status: "running", ExitCode: 0 }, false, true, "running"],
  [{ Status: "running", ExitCode: 0, Health: { Status: "healthy" } }, false, true, "running"],
  [{ Status: "running", ExitCode: 0, Health: { Status: "unhealthy" } }, false, false, "running (unhealthy)"],
  [{ Status: "running", ExitCode: 0, Health: { Status: "starting" } }, false, false, "running (starting)"],
  [{ Status: "exited", ExitCode: 0 }, false, false, "exited with 0"],
  [{ Status: "exited", ExitCode: 0 }, true, true, "exited with 0"],
  [{ Status: "exited", ExitCode: 3 }, true, false, "exited with 3"],
  [{ Status: "restarting", ExitCode: 1 }, false, false, "restarting"],
  [{ Status: "created", ExitCode: 0 }, true, false, "created"],
])("a container %j, one-shot %j", (State, oneShot, ok, state) => {
  const Labels = {
    "datalab.service": "s",
    "datalab.workload": "s-w",
    ...(oneShot && { "datalab.oneshot": "true" }),
  };
  expect(toInstance({ Name: "/datalab-dev-s-w", Config: { Labels }, State })).toEqual({
    name: "datalab-dev-s-w",
    service: "s",
    workload: "s-w",
    oneShot,
    ok,
    stopped: State.Status === "exited" && !oneShot,
    state,
  });
});

test("the page is the address people want first", () => {
  const [core, postgres, prefect] = platform().services;
  expect([core, postgres, prefect].map((service) => mainUrl(service as never))).toEqual([
    "http://127.0.0.1:7070/health",
    null,
    "http://127.0.0.1:4200/",
  ]);
});

test("an unknown service is answered with the one that was meant", () => {
  expect(findService(platform(), "postgres").name).toBe("postgres");
  expect(() => findService(platform(), "postgers")).toThrow(
    expect.objectContaining({ code: "E_SERVICE", exitCode: 2, hint: "Did you mean postgres?" }),
  );
  expect(() => findService(platform(), "spark-master")).toThrow(
    expect.objectContaining({ hint: "There are: core, postgres, prefect." }),
  );
});
