import { createServer, request, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Certificate, makeCertificate } from "../../../src/ops/lifecycle/certificate.ts";
import { agentFor, fetchVia, type IngressRoute } from "../../../src/ops/services/ingress-route.ts";

let made: Certificate;
let server: Server;
let way: IngressRoute;

beforeAll(async () => {
  made = await makeCertificate("lab.invalid", "dev");
  server = createServer({ key: made.key, cert: made.certificate }, (asked, answer) => {
    const { servername } = asked.socket as TLSSocket & { servername?: string };
    answer.end(JSON.stringify({ host: asked.headers.host, servername, path: asked.url }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  way = { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, ca: made.authority };
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe("a name that is in no DNS", () => {
  test("is reached at the address, by its own name in Host and greeting", async () => {
    const answer = await fetchVia(way)("https://core.lab.invalid/health", { method: "POST", body: "x" });
    expect(await answer.json()).toEqual({
      host: "core.lab.invalid",
      servername: "core.lab.invalid",
      path: "/health",
    });
  });

  test("keeps the port that people type", async () => {
    const answer = await fetchVia(way)("https://core.lab.invalid:8443/");
    expect(await answer.json()).toMatchObject({
      host: "core.lab.invalid:8443",
      servername: "core.lab.invalid",
    });
  });

  test("is reached by clients that take an agent", async () => {
    const agent = agentFor(way);
    const body = await new Promise<string>((resolve, reject) => {
      request("https://store.lab.invalid:8443/bucket", { agent }, (answer) => {
        answer.setEncoding("utf8").on("data", resolve);
      })
        .on("error", reject)
        .end();
    });
    agent?.destroy();
    expect(JSON.parse(body)).toEqual({
      host: "store.lab.invalid:8443",
      servername: "store.lab.invalid",
      path: "/bucket",
    });
  });

  test("is not trusted with the certificate of another, or without an authority that is known", async () => {
    const code = (url: string, by: IngressRoute) =>
      fetchVia(by)(url).then(
        () => "answered",
        (error: { cause?: { code?: string } }) => error.cause?.code,
      );
    expect(await code("https://core.other.invalid/", way)).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
    expect(await code("https://core.lab.invalid/", { ...way, ca: null })).toBe(
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    );
  });
});

test("where nothing is special the usual way is taken", () => {
  expect([fetchVia(null), fetchVia({ address: null, ca: null })]).toEqual([fetch, fetch]);
  expect([agentFor(null), agentFor({ address: null, ca: null })]).toEqual([undefined, undefined]);
});
