import { argon2Sync } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { render } from "../../src/model/refs.ts";
import { hashPassword } from "../../src/ops/password.ts";
import { coreClient } from "../../src/ops/services/core-client.ts";
import { gateway } from "../../src/services/gateway.ts";
import { foundation, modelOf } from "../support/project.ts";

interface Written {
  readonly domain: string;
  readonly proxies: number;
  readonly drainSeconds: number;
  readonly graceSeconds: number;
  readonly users: readonly { readonly name: string; readonly password?: string }[];
  readonly endpoints: readonly {
    readonly service: string;
    readonly protocol: string;
    readonly origin?: string;
    readonly listen: number;
    readonly upstream: string;
    readonly auth: string;
    readonly login?: { readonly user: string; readonly password: string };
    readonly answers: Readonly<Record<string, unknown>>;
  }[];
}

const guardedModel = (yaml = "") => modelOf(yaml, "dev", [...foundation, gateway]);

/** A cluster whose controller is reached at another port than 443. */
const inCluster = (options = "{}") => `
target: kubernetes
images: { source: registry }
kubernetes:
  context: test
  ingress: { host: lab.example, port: 8443 }
services:
  gateway: { options: ${options} }
`;

/** What the gateway's container is given, with secrets and addresses told by their names. */
function written(yaml = ""): Written {
  const workload = guardedModel(yaml)
    .services.flatMap((s) => s.workloads)
    .find(({ name }) => name === "gateway");
  const text = render(workload?.files["gateway.json"] ?? "", (ref) =>
    ref.ref === "secret"
      ? `secret of ${ref.id}`
      : ref.ref === "address"
        ? ref.workload
        : ref.ref === "publicUrl"
          ? `url of ${ref.workload}/${ref.endpoint}`
          : "",
  );
  return JSON.parse(text) as Written;
}

describe("its configuration", () => {
  test("has every published port once, and leads to the service's own", () => {
    const published = guardedModel()
      .services.flatMap((s) => s.workloads)
      .flatMap((w) =>
        w.endpoints.flatMap((e) => (e.published === null ? [] : [`${e.published} ${w.name}:${e.port}`])),
      );
    expect(published.length).toBeGreaterThan(4);
    expect(
      written()
        .endpoints.map((e) => `${e.listen} ${e.upstream}`)
        .sort(),
    ).toEqual(published.sort());
  });

  test("logs in at Prefect for whoever is logged in, and keeps its page from asking again", () => {
    const prefect = written().endpoints.find(({ service }) => service === "prefect");
    expect(prefect).toMatchObject({
      auth: "gateway",
      login: { user: "admin", password: "secret of prefect/admin" },
      answers: { "/ui-settings": { auth: null, api_url: "/api" } },
    });
  });

  test("gives databases no login of ours", () => {
    expect(written().endpoints.find(({ service }) => service === "postgres")).not.toHaveProperty("login");
    expect(written().users).toEqual([{ name: "admin", password: "secret of gateway/admin" }]);
  });
});

describe("in a cluster", () => {
  test("it knows every page by its public name, and one domain that the login is good for", () => {
    const { domain, endpoints } = written(inCluster());
    expect(domain).toBe("lab.example");
    expect(endpoints.map(({ service, origin }) => `${service} ${origin}`)).toEqual([
      "core url of core/api",
      "object-store url of object-store/s3",
      "object-store url of object-store/console",
      "prefect url of prefect/api",
    ]);
  });

  test("it publishes no database: people reach pages by the ingress, and nothing else", () => {
    expect(written(inCluster()).endpoints.filter(({ protocol }) => protocol === "tcp")).toEqual([]);
    expect(written().endpoints.filter(({ protocol }) => protocol === "tcp")).toMatchObject([
      { service: "postgres", listen: 5432 },
    ]);
  });

  test("it believes the ingress about addresses, as many proxies as the configuration says", () => {
    expect(written(inCluster()).proxies).toBe(1);
    expect(written(inCluster("{ proxies: 2 }")).proxies).toBe(2);
    expect(written()).toMatchObject({ proxies: 0, domain: "" });
    expect(written("services: { gateway: { options: { proxies: 1 } } }").proxies).toBe(1);
  });

  test("it gives clients time to find another one before it ends, which one host has none of", () => {
    expect(written(inCluster())).toMatchObject({ drainSeconds: 5, graceSeconds: 30 });
    expect(written()).toMatchObject({ drainSeconds: 0, graceSeconds: 5 });
    const workload = guardedModel(inCluster())
      .services.flatMap((s) => s.workloads)
      .find(({ name }) => name === "gateway");
    expect(workload).toMatchObject({
      scalable: true,
      stopGraceSeconds: 45,
      probe: { command: ["curl", "--fail", "--silent", "--max-time", "2", "http://127.0.0.1:9180/readyz"] },
    });
  });
});

describe("its options", () => {
  const read = (value: unknown) => gateway.options?.safeParse(value);
  test("take what hash-password prints, and nothing that is a password itself", async () => {
    const hash = await hashPassword("correct horse battery");
    expect(read({ users: [{ name: "ann", hash }] })?.success).toBe(true);
    expect(read({ users: [{ name: "ann", hash: "correct horse battery" }] })?.success).toBe(false);
  });
  test("have every name once, and admin's not at all", async () => {
    const hash = await hashPassword("correct horse battery");
    expect(read({ users: [{ name: "admin", hash }] })?.success).toBe(false);
    expect(
      read({
        users: [
          { name: "ann", hash },
          { name: "ann", hash },
        ],
      })?.success,
    ).toBe(false);
  });
});

test("a hash can be verified from what it says of itself", async () => {
  const [, kind, version, cost, salt = "", sum = ""] = (await hashPassword("correct horse battery")).split(
    "$",
  );
  expect([kind, version, cost]).toEqual(["argon2id", "v=19", "m=19456,t=2,p=1"]);
  const again = argon2Sync("argon2id", {
    message: "correct horse battery",
    nonce: Buffer.from(salt, "base64"),
    memory: 19_456,
    passes: 2,
    parallelism: 1,
    tagLength: 32,
  });
  expect(again.toString("base64").replaceAll("=", "")).toBe(sum);
  await expect(hashPassword("short")).rejects.toMatchObject({ code: "E_PASSWORD" });
});

describe("the CLI's way to the core", () => {
  /** A server that answers as the gateway does. */
  async function answering(status: number, body: unknown) {
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}`, seen, close: () => server.close() };
  }

  test("sends the token, which is asked for once", async () => {
    const server = await answering(200, { services: [] });
    let asked = 0;
    const client = coreClient(server.url, async () => `token ${++asked}`);
    await client.health();
    await client.health();
    server.close();
    expect(server.seen).toEqual(["Bearer token 1", "Bearer token 1"]);
  });

  test("knows a gateway before a core that is gone, and one of another stack", async () => {
    const gone = await answering(503, { error: { code: "E_UNAVAILABLE", message: "core does not answer." } });
    await expect(coreClient(gone.url).health()).rejects.toMatchObject({ code: "E_CORE_UNREACHABLE" });
    gone.close();
    const other = await answering(401, {
      error: { code: "E_TOKEN", message: "This token is not valid here." },
    });
    await expect(coreClient(other.url, async () => "x").health()).rejects.toMatchObject({
      code: "E_CORE_TOKEN",
    });
    other.close();
  });
});
