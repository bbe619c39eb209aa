import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { asImageName, Catalog } from "../../../src/images/catalog.ts";
import { pushImages } from "../../../src/ops/release/images-push.ts";
import { standIn } from "../../support/programs.ts";
import { makeProject } from "../../support/project.ts";
import { remember } from "../stand-in-stack.ts";

const digestOf = (tag: string) => `sha256:${tag.padEnd(64, "0")}`;

/** A registry that has every tag. */
async function fullRegistry(): Promise<string> {
  const server = createServer(({ url = "" }, answer) => {
    answer.writeHead(200, { "docker-content-digest": digestOf(url.split("/").at(-1) ?? "") }).end();
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}/lab`;
}

const file = `# who runs it
config:
  datalab:platform:
    target: kubernetes
    images:
      source: registry # always
    kubernetes:
      context: lab
      ingress:
        host: lab.example.com
    services:
      spark: { enabled: false }
      jupyterhub: { enabled: false }
`;

test("what the registry has is neither built nor pushed, and its digests stand in the stack's file", async () => {
  // GIVEN a registry that has all images of a stack whose file names none yet, and a Docker that is not to be
  // asked
  const to = await fullRegistry();
  const folder = standIn("docker", "process.exitCode = 1;");
  const project = makeProject({ "Pulumi.lab.yaml": file });
  const { reporter, steps } = remember();
  const options = { project, stack: "lab", to, force: false, reporter, signal: new AbortController().signal };
  // WHEN they are pushed
  const result = await pushImages(options);
  // THEN each is named by the digest that its content's tag has
  const catalog = new Catalog();
  const tagOf = (name: string) => catalog.tag(asImageName(name)).split(":")[1] as string;
  const names = result.images.map(({ name }) => name);
  expect(names).toEqual([...names].sort());
  expect(names).toEqual(expect.arrayContaining(["core", "gateway", "pipelines", "services"]));
  expect(names).not.toContain("spark");
  expect(result).toEqual({
    registry: to,
    file: join(project, "Pulumi.lab.yaml"),
    images: names.map((name) => ({
      name,
      reference: `${to}/${name}:${tagOf(name)}`,
      digest: digestOf(tagOf(name)),
      skipped: true,
    })),
  });
  expect(() => readFileSync(join(folder, "calls"))).toThrow("ENOENT");
  expect(steps).toEqual(["digests: done written to Pulumi.lab.yaml"]);
  // AND the file says so, with everything else as it was
  const written = readFileSync(join(project, "Pulumi.lab.yaml"), "utf8");
  expect(written).toContain("# who runs it\n");
  expect(written).toContain("source: registry # always\n");
  expect(parse(written).config["datalab:platform"].images).toEqual({
    source: "registry",
    registry: to,
    digests: Object.fromEntries(names.map((name) => [name, digestOf(tagOf(name))])),
  });
  // AND once more nothing changes, although digests of other images are there now
  await pushImages(options);
  expect(readFileSync(join(project, "Pulumi.lab.yaml"), "utf8")).toBe(written);
});

test("a registry that can't be one is refused before anything is asked", async () => {
  const { reporter } = remember();
  const signal = new AbortController().signal;
  const options = { project: makeProject({}), stack: "lab", force: false, reporter, signal };
  await expect(pushImages({ ...options, to: "https://r.example.com/x" })).rejects.toMatchObject({
    code: "E_USAGE",
    message:
      '--to: expected a registry such as registry.example.com/team, received "https://r.example.com/x"',
  });
});
