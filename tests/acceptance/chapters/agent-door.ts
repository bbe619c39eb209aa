import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { imageTag } from "../../../src/images/catalog.ts";
import { docker, network, prefix, proxyLogin, stack, urls } from "../support/agent-stage.ts";

const login = `Basic ${btoa(`${proxyLogin.user}:${proxyLogin.password}`)}`;

async function call(method: string, path: string, body?: unknown, authorization: string | null = login) {
  const answer = await fetch(`${urls.door}${path}`, {
    method,
    headers: { ...(authorization && { authorization }), "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, json: text.startsWith("{") ? JSON.parse(text) : text };
}

const alice = `${prefix}notebook-alice`;
/** What docker-py sends for DockerSpawner's defaults. */
const asked = (host: Record<string, unknown> = {}, more: Record<string, unknown> = {}) => ({
  Hostname: null,
  Domainname: null,
  ExposedPorts: { "8888/tcp": {} },
  User: null,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Env: ["GREETING=it's me", "JUPYTERHUB_API_TOKEN=canary-0123456789"],
  Cmd: ["bash", "-c", "id -u; echo $GREETING; touch /data/kept /x; sleep 600"],
  Image: imageTag("base"),
  Volumes: null,
  NetworkDisabled: false,
  Entrypoint: null,
  WorkingDir: null,
  HostConfig: { NetworkMode: network, Binds: [], Links: [], AutoRemove: true, Mounts: [], ...host },
  NetworkingConfig: null,
  MacAddress: null,
  Labels: null,
  StopSignal: null,
  Healthcheck: null,
  Runtime: null,
  ...more,
});
const create = (body: unknown, name = alice) => call("POST", `/v1.41/containers/create?name=${name}`, body);

/** The Docker proxy of DockerSpawner: what goes through, in what form, and what does not. */
export function dockerProxyTests(): void {
  test("asks for its login", async () => {
    for (const wrong of [null, "Basic bm86bm8=", `Bearer ${proxyLogin.password}`]) {
      expect((await call("GET", "/version", undefined, wrong)).status).toBe(401);
    }
    expect((await call("GET", "/version")).json).toHaveProperty("ApiVersion");
    expect((await call("GET", "/v1.41/_ping")).json).toBe("OK");
  });

  test("answers as Docker does when there is nothing", async () => {
    expect((await call("GET", `/v1.41/containers/${alice}/json`)).status).toBe(404);
    expect((await call("GET", `/v1.41/images/${imageTag("base")}/json`)).json).toHaveProperty("Config");
  });

  test("makes a container inside of the confines, whatever was asked for", async () => {
    const made = await create(asked({ Memory: 2 ** 40, CpuQuota: 900_000, CpuPeriod: 100_000 }));
    expect(made.status, JSON.stringify(made.json)).toBe(201);
    expect((await call("POST", `/v1.41/containers/${made.json.Id}/start`)).status).toBe(204);
    const { json } = await call("GET", `/v1.41/containers/${alice}/json`);
    expect(json.Config).toMatchObject({
      Hostname: "notebook-alice",
      User: "10001:10001",
      Labels: {
        "datalab.stack": stack,
        "datalab.service": "jupyterhub",
        "datalab.workload": "notebook-alice",
        "datalab.role": "spawned",
      },
    });
    expect(json.HostConfig).toMatchObject({
      NetworkMode: network,
      Binds: null,
      ReadonlyRootfs: true,
      Privileged: false,
      CapDrop: ["ALL"],
      CapAdd: null,
      SecurityOpt: ["no-new-privileges:true"],
      Memory: 128 * 2 ** 20,
      MemorySwap: 128 * 2 ** 20,
      NanoCpus: 1_000_000_000,
      PidsLimit: 100,
      AutoRemove: false,
      RestartPolicy: { Name: "no" },
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
    });
    expect(json.HostConfig.PortBindings ?? {}).toEqual({});
    const mounts = json.Mounts.map((m: { Name: string; Destination: string; RW: boolean }) => [
      m.Name,
      m.Destination,
      m.RW,
    ]);
    expect(mounts.sort()).toEqual([
      [`${alice}-env`, "/run/datalab", false],
      [`${alice}-home`, "/data", true],
    ]);
    expect(json.NetworkSettings.Networks[network].IPAddress).toMatch(/^\d+\./);
    expect(JSON.stringify(json)).not.toContain("canary-0123456789");
    await expect.poll(() => docker("logs", alice), { timeout: 10_000 }).toBe("10001\nit's me");
    expect(docker("exec", alice, "bash", "-c", "ls /data; touch /data/x && echo ok")).toContain("ok");
  });

  const privileges: [what: string, host: Record<string, unknown>, more?: Record<string, unknown>][] = [
    ["privileges", { Privileged: true }],
    ["the host's files", { Binds: ["/:/host"] }],
    ["Docker's socket", { Binds: ["/var/run/docker.sock:/var/run/docker.sock"] }],
    ["another's home", { Binds: [`${prefix}notebook-bob-home:/data:rw`] }],
    ["a mount", { Mounts: [{ Type: "bind", Source: "/etc", Target: "/mnt" }] }],
    ["another's volume", { VolumesFrom: [`${prefix}logs`] }],
    ["a device", { Devices: [{ PathOnHost: "/dev/kmsg", PathInContainer: "/dev/kmsg" }] }],
    ["a port", { PortBindings: { "8888/tcp": [{ HostPort: "25999" }] } }],
    ["all ports", { PublishAllPorts: true }],
    ["a capability", { CapAdd: ["SYS_ADMIN"] }],
    ["the host's processes", { PidMode: "host" }],
    ["the host's network", { NetworkMode: "host" }],
    ["another's network space", { NetworkMode: `container:${prefix}logs` }],
    ["the host's IPC", { IpcMode: "host" }],
    ["the host's users", { UsernsMode: "host" }],
    ["no seccomp", { SecurityOpt: ["seccomp=unconfined"] }],
    ["a restart policy", { RestartPolicy: { Name: "always" } }],
    ["kernel settings", { Sysctls: { "net.ipv4.ip_forward": "1" } }],
    ["another runtime", { Runtime: "other" }],
    ["a log driver", { LogConfig: { Type: "syslog", Config: { "syslog-address": "tcp://x" } } }],
    ["a cgroup", { CgroupParent: "/" }],
    ["what is not known yet", { SomethingNew: 1 }],
    ["to be root", {}, { User: "root" }],
    ["another image", {}, { Image: imageTag("core") }],
    ["another entry point", {}, { Entrypoint: ["sh"] }],
    ["another network", {}, { NetworkingConfig: { EndpointsConfig: { bridge: {} } } }],
    ["a volume elsewhere", {}, { Volumes: { "/etc": {} } }],
    ["a probe", {}, { Healthcheck: { Test: ["CMD", "true"] } }],
  ];
  test.each(privileges)("refuses %s", async (_what, host, more = {}) => {
    const { status, json } = await create(asked(host, more), `${prefix}notebook-mallory`);
    expect([status, json.message]).toEqual([
      403,
      expect.stringMatching(/^refused by the platform's agent: .+/),
    ]);
  });

  test.each([
    `${prefix}postgres`,
    `${prefix}notebook`,
    `${prefix}notebook-`,
    `${prefix}notebook-a/../b`,
    `${prefix}notebook-A`,
    "datalab-other-notebook-alice",
    "notebook-alice",
    "",
  ])("refuses the name %j", async (name) => {
    expect((await create(asked(), encodeURIComponent(name))).status).toBe(403);
  });

  const foreign = `datalab-accagent2-notebook-x`;
  const calls: readonly (readonly [string, string, unknown?])[] = [
    ["GET", "/v1.41/containers/json?all=1"],
    ["GET", "/v1.41/info"],
    ["GET", "/v1.41/events"],
    ["GET", "/v1.41/volumes"],
    ["GET", "/v1.41/secrets"],
    ["GET", `/v1.41/volumes/${prefix}logs-data`],
    ["DELETE", `/v1.41/volumes/${prefix}notebook-alice-home`],
    ["POST", "/v1.41/volumes/create", { Name: "mine" }],
    ["POST", "/v1.41/volumes/create", { Name: `${prefix}logs-data` }],
    ["POST", "/v1.41/volumes/create", { Name: "datalab-other-notebook-x-home" }],
    ["GET", `/v1.41/containers/${prefix}logs/json`],
    ["POST", `/v1.41/containers/${prefix}logs/stop`],
    ["POST", `/v1.41/containers/${prefix}logs/kill`],
    ["DELETE", `/v1.41/containers/${prefix}logs?force=1`],
    ["POST", `/v1.41/containers/${foreign}/stop`],
    ["DELETE", `/v1.41/containers/${foreign}?force=1`],
    ["POST", `/v1.41/containers/${alice}/exec`, { Cmd: ["id"] }],
    ["POST", `/v1.41/containers/${alice}/update`, { Memory: 0 }],
    ["POST", `/v1.41/containers/${alice}/rename?name=x`],
    ["GET", `/v1.41/containers/${alice}/archive?path=/run/datalab`],
    ["GET", `/v1.41/containers/..%2f..%2finfo/json`],
    ["GET", `/v1.41/images/${imageTag("core")}/json`],
    ["POST", "/v1.41/images/create?fromImage=x"],
    ["POST", "/v1.41/build"],
    ["POST", "/v1.41/networks/create", { Name: "x" }],
    ["POST", `/v1.41/networks/${network}/connect`, { Container: alice }],
    ["PUT", "/_ping"],
  ];
  test("refuses every other call, and other stacks' containers", async () => {
    // One that looks like ours, of another stack.
    docker(
      ...[
        "run",
        "--detach",
        "--name",
        foreign,
        "--label",
        "datalab.stack=accagent2",
        "--label",
        "datalab.role=spawned",
      ],
      ...["--label", "datalab.workload=notebook-x", imageTag("base"), "sleep", "600"],
    );
    try {
      const answers = await Promise.all(
        calls.map(async ([method, path, body]) => [method, path, (await call(method, path, body)).status]),
      );
      expect(answers).toEqual(calls.map(([method, path]) => [method, path, 403]));
      for (const name of [foreign, `${prefix}logs`]) {
        expect(docker("inspect", "--format", "{{.State.Running}}", name)).toBe("true");
      }
    } finally {
      docker("rm", "--force", foreign);
    }
  });

  test("stops and removes what it has made, and keeps the home", async () => {
    expect((await create(asked())).status).toBe(409);
    expect((await call("POST", `/v1.41/containers/${alice}/stop?t=0`)).status).toBe(204);
    expect((await call("DELETE", `/v1.41/containers/${alice}?v=True&link=False&force=False`)).status).toBe(
      204,
    );
    const volumes = docker("volume", "ls", "--quiet", "--filter", `label=datalab.stack=${stack}`).split("\n");
    expect(volumes).toContain(`${alice}-home`);
    expect(volumes).not.toContain(`${alice}-env`);
    const again = await create(
      asked({}, { Cmd: ["ls", "/data"], Env: [`ID=${randomUUID()}`] }),
      `${alice}--second`,
    );
    await call("POST", `/v1.41/containers/${again.json.Id}/start`);
    await expect.poll(() => docker("logs", `${alice}--second`), { timeout: 10_000 }).toBe("kept\nx");
    expect((await call("DELETE", `/v1.41/containers/${again.json.Id}?force=True`)).status).toBe(204);
  });

  test("says in its log what it refused, and in its metrics how often", async () => {
    expect(docker("logs", `${prefix}agent`)).toBe("");
    const text = await (await fetch(`${urls.agent}/metrics`)).text();
    expect(Number(/result="refused"\} (\d+)/.exec(text)?.[1])).toBeGreaterThanOrEqual(60);
    expect(Number(/result="unauthenticated"\} (\d+)/.exec(text)?.[1])).toBe(3);
  });
}
