import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { publicDigest, pushImage } from "../../src/images/push.ts";
import { remoteDigest } from "../../src/images/registry.ts";
import { setVariable, standIn } from "../support/programs.ts";
import { makeProject } from "../support/project.ts";

const digest = `sha256:${"a".repeat(64)}`;

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("what a registry has", () => {
  test("is told by tag, and nothing is told of what it has not", async () => {
    const asked: string[] = [];
    const host = await serve(({ method, url }, answer) => {
      asked.push(`${method} ${url}`);
      const known = url === "/v2/lab/core/manifests/1a";
      answer.writeHead(known ? 200 : 404, known ? { "docker-content-digest": digest } : {}).end();
    });
    expect(await remoteDigest(`${host}/lab`, "core", "1a")).toBe(digest);
    expect(await remoteDigest(`${host}/lab`, "core", "2b")).toBeUndefined();
    expect(await remoteDigest(host, "core", "1a")).toBeUndefined();
    expect(asked).toEqual([
      "HEAD /v2/lab/core/manifests/1a",
      "HEAD /v2/lab/core/manifests/2b",
      "HEAD /v2/core/manifests/1a",
    ]);
  });

  test("is told to whoever docker login has let in, by a token where it wants one", async () => {
    const asked: (string | undefined)[] = [];
    const host = await serve(({ url = "", headers }, answer) => {
      asked.push(headers.authorization);
      if (url.startsWith("/token")) {
        expect(url).toBe("/token?service=lab&scope=repository%3Acore%3Apull");
        return answer.end(JSON.stringify({ token: "abc" }));
      }
      if (headers.authorization === "Bearer abc") {
        return answer.writeHead(200, { "docker-content-digest": digest }).end();
      }
      const challenge = `Bearer realm="http://${headers.host}/token",service="lab",scope="repository:core:pull"`;
      return answer.writeHead(401, { "www-authenticate": challenge }).end();
    });
    const auths = { [host]: { auth: Buffer.from("ann:pw").toString("base64") } };
    setVariable("DOCKER_CONFIG", makeProject({ "config.json": JSON.stringify({ auths }) }, { bare: true }));
    expect(await remoteDigest(host, "core", "1a")).toBe(digest);
    expect(asked).toEqual([undefined, "Basic YW5uOnB3", "Bearer abc"]);
  });

  test("nothing that answers is said at once", async () => {
    const host = await serve(() => {});
    const gone = await new Promise<number>((resolve) => {
      const server = createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo;
        server.close(() => resolve(port));
      });
    });
    await expect(remoteDigest(`127.0.0.1:${gone}`, "core", "1a")).rejects.toMatchObject({
      code: "E_REGISTRY_UNREACHABLE",
      message: `The registry 127.0.0.1:${gone} does not answer (ECONNREFUSED).`,
    });
    const aborted = AbortSignal.abort();
    await expect(remoteDigest(host, "core", "1a", aborted)).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("pushing", () => {
  const docker = (push: string) =>
    standIn("docker", `if (args[0] === "push") { ${push} } else process.stdout.write("");`);
  const says = (text: string, code: number) =>
    `process.stdout.write(${JSON.stringify(text)}); process.exitCode = ${code};`;

  test("tells the digest that Docker tells, and leaves no second name", async () => {
    const folder = docker(
      says(
        `0123456789ab: Preparing\n0123456789ab: Pushed\nfedcba987654: Layer already exists\n1a: digest: ${digest} size: 9\n`,
        0,
      ),
    );
    const told: string[] = [];
    const remote = "r.example.com/lab/core:1a";
    expect(await pushImage("datalab/core:1a", remote, { onProgress: (text) => told.push(text) })).toBe(
      digest,
    );
    expect(told).toEqual(["0 of 1 layers", "1 of 1 layers", "2 of 2 layers"]);
    expect(
      readFileSync(join(folder, "calls"), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      ["tag", "datalab/core:1a", remote],
      ["push", remote],
      ["image", "rm", remote],
    ]);
  });

  test.each([
    ["denied: requested access to the resource is denied", "E_REGISTRY_LOGIN", "docker login r.example.com"],
    ["unauthorized: authentication required", "E_REGISTRY_LOGIN", "docker login r.example.com"],
    [
      'Get "https://r.example.com/v2/": dial tcp: lookup r.example.com: no such host',
      "E_REGISTRY_UNREACHABLE",
      "Check the name, and that the registry runs. --to expects a host, with port and path if it has them.",
    ],
    [
      'Get "https://r.example.com/v2/": http: server gave HTTP response to HTTPS client',
      "E_REGISTRY",
      'Give it a certificate, or add it to "insecure-registries" in Docker\'s daemon.json.',
    ],
    ["no space left on device", "E_REGISTRY", undefined],
  ])("that fails with %s", async (text, code, hint) => {
    docker(says(`0123456789ab: Preparing\n${text}\n`, 1));
    await expect(pushImage("datalab/core:1a", "r.example.com/lab/core:1a")).rejects.toMatchObject({
      code,
      hint,
    });
  });
});

test("the digest of a public image is that of its own registry", async () => {
  standIn(
    "docker",
    `process.stdout.write(JSON.stringify(["127.0.0.1:5000/x@sha256:1", "grafana/grafana@sha256:2"]) + "\\n");`,
  );
  expect(await publicDigest("grafana/grafana:12.1.1")).toBe("sha256:2");
  expect(await publicDigest("quay.io/other/x:1")).toBeUndefined();
});
