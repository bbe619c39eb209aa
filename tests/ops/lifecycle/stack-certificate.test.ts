import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import type { PlatformModel } from "../../../src/model/platform.ts";
import { prepareIngress } from "../../../src/ops/lifecycle/stack-certificate.ts";
import { standIn } from "../../support/programs.ts";
import { makeProject } from "../../support/project.ts";

const model = (more: object = {}) =>
  ({
    stack: "lab",
    cluster: { ingress: { address: "127.0.0.1:8443", host: "lab.example.com", tlsSecret: null, ...more } },
  }) as unknown as PlatformModel;

/** A Pulumi that keeps what `config set` gives it. */
const pulumi = () =>
  standIn("pulumi", `writeFileSync(folder + "/" + args[3].replace(":", "-"), readFileSync(0, "utf8"));`);
const calls = (folder: string): string[][] =>
  readFileSync(join(folder, "calls"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

test("a stack of a cluster gets a certificate once, and no list of processes shows it", async () => {
  const folder = pulumi();
  const project = makeProject({});
  // WHEN it has none
  const way = await prepareIngress(project, model());
  // THEN one is made, the certificate being written last
  expect(calls(folder)).toEqual([
    ["config", "set", "--plaintext", "datalab:tlsAuthority", "--stack", "lab", "--non-interactive"],
    ["config", "set", "--secret", "datalab:tlsKey", "--stack", "lab", "--non-interactive"],
    ["config", "set", "--plaintext", "datalab:tlsCertificate", "--stack", "lab", "--non-interactive"],
  ]);
  const kept = (name: string) => readFileSync(join(folder, `datalab-${name}`), "utf8");
  expect(kept("tlsKey")).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  expect(way).toEqual({ address: "127.0.0.1:8443", ca: kept("tlsAuthority") });
  // AND with it nothing is made again
  const config = {
    "datalab:tlsAuthority": kept("tlsAuthority"),
    "datalab:tlsCertificate": kept("tlsCertificate"),
    "datalab:tlsKey": { secure: "v1:x" },
  };
  writeFileSync(join(project, "Pulumi.lab.yaml"), stringify({ config }));
  expect(await prepareIngress(project, model())).toEqual(way);
  expect(calls(folder).length).toBe(3);
  // UNTIL the domain is another one
  await prepareIngress(project, model({ host: "other.example.com" }));
  expect(calls(folder).length).toBe(6);
});

test("who brings a certificate, or runs on one host, needs none", async () => {
  const project = makeProject({});
  expect(await prepareIngress(project, model({ tlsSecret: "lab-tls" }))).toEqual({
    address: "127.0.0.1:8443",
    ca: null,
  });
  expect(await prepareIngress(project, { ...model(), cluster: null })).toBeNull();
});
