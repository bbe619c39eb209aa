import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { imageTag } from "../../src/images/catalog.ts";
import type { EndpointModel, PlatformModel } from "../../src/model/platform.ts";
import { platformOutput } from "../../src/outputs/platform.ts";
import { describePlatform } from "../../src/targets/describe.ts";
import { Values } from "../../src/targets/values.ts";
import { modelOf } from "../support/project.ts";

const publicUrl = ({ published, scheme }: EndpointModel) =>
  published === null ? "" : `${scheme}://127.0.0.1:${published}`;

function outputOf(model: PlatformModel) {
  return describePlatform(
    model,
    new Values(model, pulumi.secret("m".repeat(43)), publicUrl, imageTag),
    publicUrl,
  );
}

describe("the output `platform` of the default stack", () => {
  const output = outputOf(modelOf());

  test("is of its schema, which takes nothing else", () => {
    expect(platformOutput.parse(output)).toEqual(output);
    expect(platformOutput.safeParse({ ...output, password: "x" }).success).toBe(false);
  });

  test("is JSON, as stack outputs are", () => {
    expect(JSON.parse(JSON.stringify(output))).toEqual(output);
  });

  test("says where things are", () => {
    expect([output.stack, output.target, output.core]).toEqual([
      "dev",
      "docker",
      { url: "http://127.0.0.1:7070", token: null },
    ]);
    expect(output.services.find((s) => s.name === "object-store")).toEqual({
      name: "object-store",
      summary: "S3 object storage: the lake's buckets and artifacts.",
      version: expect.stringMatching(/^MinIO \S+$/),
      owner: "platform",
      backup: "every object of every bucket, by ./datalab backup create",
      dependsOn: [],
      workloads: [
        {
          name: "object-store",
          instance: "datalab-dev-object-store",
          image: "services",
          oneShot: false,
          after: [],
          stopGraceSeconds: 15,
          drain: null,
        },
      ],
      endpoints: [
        {
          name: "s3",
          workload: "object-store",
          summary: "the S3 API",
          protocol: "http",
          browser: false,
          auth: "own",
          url: "http://127.0.0.1:9000",
          internalUrl: "http://object-store:9000",
          login: null,
        },
        {
          name: "console",
          workload: "object-store",
          summary: "the console",
          protocol: "http",
          browser: true,
          auth: "own",
          url: "http://127.0.0.1:9001",
          internalUrl: "http://object-store:9001",
          login: { user: "admin", secret: "object-store/admin" },
        },
      ],
      checks: [
        {
          name: "write-read",
          summary: "An object is written, read back, protected from a second writer, and deleted.",
        },
      ],
    });
    expect(output.tools).toEqual({
      backups: {
        workload: "core",
        instance: "datalab-dev-core",
        command: ["node", "/opt/core/core.mjs", "backup"],
        bucket: null,
      },
      lake: {
        workload: "prefect-worker",
        instance: "datalab-dev-prefect-worker",
        command: ["python", "-m", "datalab.lake_cli"],
        bucket: {
          url: "http://127.0.0.1:9000",
          region: "us-east-1",
          accessKey: "prefect.lake",
          secret: "prefect/lake",
          names: ["bronze", "silver", "gold", "artifacts"],
        },
      },
    });
  });

  test("says what it keeps", () => {
    expect(output.volumes).toEqual([
      { name: "data", service: "postgres", policy: "retain", sizeBytes: 10 * 2 ** 30 },
      { name: "data", service: "object-store", policy: "retain", sizeBytes: 20 * 2 ** 30 },
    ]);
  });
});

test("what is not published has no URL", () => {
  const output = outputOf(modelOf("services: { object-store: { ports: { s3: false } } }"));
  const endpoints = output.services.flatMap((s) => s.endpoints);
  expect(endpoints.find((e) => e.name === "s3")?.url).toBeNull();
  expect(output.tools.lake?.bucket?.url).toBe("");
});

test("schedules are told in words", () => {
  const model = modelOf();
  const [pipeline] = model.pipelines as [PlatformModel["pipelines"][number]];
  const schedules = [null, { cron: "0 6 * * *", timezone: "UTC" }, { intervalSeconds: 90 }];
  const pipelines = schedules.map((schedule) => ({ ...pipeline, schedule }));
  expect(outputOf({ ...model, pipelines }).pipelines.map((p) => p.schedule)).toEqual([
    "on demand",
    "0 6 * * * (UTC)",
    "every 90 s",
  ]);
});

test("the release changes with whatever is deployed, and only then", () => {
  const release = (yaml?: string) => outputOf(modelOf(yaml)).release;
  expect(release()).toMatch(/^[0-9a-f]{16}$/);
  expect(release("portOffset: 0")).toBe(release());
  expect(release("portOffset: 1")).not.toBe(release());
});
