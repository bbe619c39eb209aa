import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { BucketGrant } from "../../src/model/needs.ts";
import { isSecret, render, type Text } from "../../src/model/refs.ts";
import { holderFile, type StoreEngine, whoHoldsData } from "../../src/services/object-store/engine.ts";
import { versitygw } from "../../src/services/object-store/versitygw.ts";
import { type EngineName, storeEngines } from "../../src/services/object-store.ts";

const grant = (accessKey: string, ...names: string[]): BucketGrant => ({
  kind: "bucket",
  url: { ref: "address", workload: "object-store", endpoint: "s3", part: "url" },
  region: "us-east-1",
  accessKey,
  secretKey: { ref: "secret", id: `${accessKey}/key` },
  names,
});
const ctx = {
  admin: { ref: "secret", id: "object-store/admin" } as const,
  grants: [grant("prefect.lake", "bronze", "silver"), grant("spark.logs", "silver")],
  publicUrl: (endpoint: string) => ({ ref: "publicUrl", workload: "object-store", endpoint }) as const,
};
const text = (value: Text | undefined) =>
  render(value ?? "", (ref) => (ref.ref === "secret" ? `<${ref.id}>` : "http://somewhere"));

describe.each(Object.entries(storeEngines) as [EngineName, StoreEngine][])(
  "the engine %s",
  (_name, engine) => {
    test("makes every bucket that is asked for, and the standing one", () => {
      const script = text(engine.files(ctx)["provision.sh"]);
      for (const bucket of ["backups", "bronze", "silver"]) expect(script).toContain(`local/${bucket}`);
    });

    test("shows no secret in a plain variable, in its start script or its probe", () => {
      expect(engine.start).not.toContain("<");
      const secrets = Object.values(engine.env(ctx)).filter((value) => isSecret(value));
      expect(secrets).toHaveLength(1);
      expect(engine.probe.join(" ")).toMatch(/^curl .* http:\/\/127\.0\.0\.1:9000\//);
    });
  },
);

/** What a zip archive's directory lists, with sums and lengths checked where they stand a second time. */
function entriesOf(archive: Buffer): { name: string; content: string }[] {
  const end = archive.length - 22;
  expect(archive.readUInt32LE(end)).toBe(0x06054b50);
  let at = archive.readUInt32LE(end + 16);
  expect(at + archive.readUInt32LE(end + 12)).toBe(end);
  return Array.from({ length: archive.readUInt16LE(end + 10) }, () => {
    expect(archive.readUInt32LE(at)).toBe(0x02014b50);
    const [sum, size] = [archive.readUInt32LE(at + 16), archive.readUInt32LE(at + 24)];
    const length = archive.readUInt16LE(at + 28);
    const head = archive.readUInt32LE(at + 42);
    const name = archive.toString("utf8", at + 46, at + 46 + length);
    expect(archive.readUInt32LE(head)).toBe(0x04034b50);
    expect(archive.subarray(head + 4, head + 28)).toEqual(archive.subarray(at + 6, at + 30));
    const content = archive.subarray(head + 30 + length, head + 30 + length + size);
    expect(crc32(content)).toBe(sum);
    at += 46 + length;
    return { name, content: content.toString("utf8") };
  });
}

describe("MinIO's provisioning", () => {
  test("packs users and policies into an archive that any reader of zip files takes", () => {
    const folder = mkdtempSync(join(tmpdir(), "datalab-iam-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const files = storeEngines.minio.files(ctx);
    const names = ["policies.json", "users.json", "user_mappings.json"];
    for (const name of names) writeFileSync(join(folder, name), text(files[name]));
    const script = text(files["provision.sh"]);
    const functions = script.slice(script.indexOf("bytes()"), script.indexOf("\nstored_zip /run"));
    const archive = join(folder, "iam.zip");
    const made = functions.replaceAll("/tmp/", `${folder}/`);
    const arguments_ = names.map((name) => join(folder, name)).join(" ");
    execFileSync("bash", ["--norc", "-c", `set -eu\n${made}\nstored_zip ${arguments_} >${archive}`]);
    const found = entriesOf(readFileSync(archive));
    expect(found.map(({ name }) => name)).toEqual(names.map((name) => `iam-assets/${name}`));
    expect(found.map(({ content }) => content)).toEqual(names.map((name) => text(files[name])));
    expect(JSON.parse(found[1]?.content ?? "")["spark.logs"].secretKey).toBe("<spark.logs/key>");
  });
});

describe("VersityGW's policies", () => {
  const files = versitygw.files(ctx);

  test("name, per bucket, the keys that were granted it and nobody else", () => {
    const who = (bucket: string) => {
      const { Statement } = JSON.parse(text(files[`policy-${bucket}.json`]));
      return Statement.map((s: { Principal: { AWS: string[] } }) => s.Principal.AWS);
    };
    expect(who("bronze")).toEqual([["prefect.lake"], ["prefect.lake"]]);
    expect(who("silver")).toEqual([
      ["prefect.lake", "spark.logs"],
      ["prefect.lake", "spark.logs"],
    ]);
    expect(files["policy-backups.json"]).toBeUndefined();
  });

  test("go with accounts of the same names and secrets", () => {
    const { accessAccounts } = JSON.parse(text(files["accounts.json"]));
    expect(Object.keys(accessAccounts)).toEqual(["prefect.lake", "spark.logs"]);
    expect(accessAccounts["prefect.lake"]).toMatchObject({ secret: "<prefect.lake/key>", role: "user" });
  });

  test.each([
    ["bronze/ok.parquet", 1, undefined],
    ["folder/", 0, undefined],
    ["folder/", 5, /folder/],
    ["a\u0001b", 1, /control characters/],
    [".sgwtmp/x", 1, /its own/],
  ])("a key %j of %d bytes", (key, size, why) => {
    const said = versitygw.refusesKey?.(key, size);
    if (why === undefined) expect(said).toBeUndefined();
    else expect(said).toMatch(why);
  });
});

describe("an engine that starts", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "datalab-holder-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const start = (engine: string, more: Record<string, string> = {}) => {
    const script = `set -eu\n${whoHoldsData.replaceAll("/data/", `${folder}/`)}echo served`;
    try {
      const env = { PATH: process.env.PATH ?? "", DATALAB_DATA_ENGINE: engine, ...more };
      return execFileSync("bash", ["--norc", "-c", script], { env, encoding: "utf8", stdio: "pipe" }).trim();
    } catch (error) {
      const { status, stderr } = error as { status: number; stderr: string };
      return `${status}: ${stderr}`;
    }
  };
  const holder = () => readFileSync(join(folder, holderFile.slice("/data/".length)), "utf8").trim();

  test("on a new stack takes the objects", () => {
    expect(start("versitygw")).toBe("served");
    expect(holder()).toBe("versitygw");
    expect(start("versitygw")).toBe("served");
  });

  test("where another holds the objects refuses, says what to do and changes nothing", () => {
    writeFileSync(join(folder, "engine"), "minio\n");
    expect(start("versitygw")).toMatch(/^78: .*held by minio[\s\S]*migrate-store --to versitygw/);
    expect(holder()).toBe("minio");
  });

  test("where objects are from before there was a choice is the first engine's, or refuses", () => {
    execFileSync("mkdir", [join(folder, "objects")]);
    expect(start("versitygw")).toMatch(/^78: /);
    expect(start("minio")).toBe("served");
    expect(holder()).toBe("minio");
  });

  test("for a migration runs beside the other and leaves the word on the volume alone", () => {
    writeFileSync(join(folder, "engine"), "minio\n");
    expect(start("versitygw", { DATALAB_MIGRATION: "1" })).toBe("served");
    expect(holder()).toBe("minio");
  });
});
