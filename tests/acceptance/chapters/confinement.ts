import { execFileSync } from "node:child_process";
import { ListBucketsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import pg from "pg";
import { describe, expect, test } from "vitest";
import { labelled } from "../support/leftovers.ts";
import { objectStore, s3 } from "../support/object-store.ts";
import { ports, prefectApi, type Stage } from "../support/stage.ts";

interface Inspected {
  readonly Name: string;
  readonly Config: { readonly User: string; readonly Labels: Record<string, string> };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly CapDrop: string[];
    readonly CapAdd: string[] | null;
    readonly SecurityOpt: string[];
    readonly Privileged: boolean;
    readonly Memory: number;
    readonly MemorySwap: number;
  };
  readonly NetworkSettings: { readonly Ports: Record<string, { HostIp: string; HostPort: string }[] | null> };
}

export function confinement(stage: Stage): void {
  const inspected = (): Inspected[] =>
    JSON.parse(stage.project.docker("inspect", ...labelled(stage.project).containers)) as Inspected[];
  const workloads = () => inspected().filter(({ Config }) => Config.Labels["datalab.workload"] !== undefined);

  describe("what is open to whom", () => {
    test("every port is published on 127.0.0.1 only, and nothing of the stack listens elsewhere", () => {
      const bound = inspected().flatMap(({ NetworkSettings }) =>
        Object.values(NetworkSettings.Ports).flatMap((b) => b ?? []),
      );
      expect(bound.map(({ HostPort }) => Number(HostPort)).sort()).toEqual(Object.values(ports).sort());
      expect(new Set(bound.map(({ HostIp }) => HostIp))).toEqual(new Set(["127.0.0.1"]));
      const listening = execFileSync("ss", ["-Hltn"], { encoding: "utf8" })
        .split("\n")
        .map((line) => line.split(/\s+/)[3] ?? "")
        .filter((address) => Object.values(ports).some((port) => address.endsWith(`:${port}`)));
      expect(listening.sort()).toEqual(
        Object.values(ports)
          .map((port) => `127.0.0.1:${port}`)
          .sort(),
      );
    });

    test("every container is confined: user, read-only root, no capabilities, no new privileges, a memory limit", () => {
      expect(workloads().length).toBeGreaterThanOrEqual(6);
      for (const { Name, Config, HostConfig } of workloads()) {
        expect(Config.User, Name).toBe("10001:10001");
        expect(HostConfig, Name).toMatchObject({ ReadonlyRootfs: true, Privileged: false, CapDrop: ["ALL"] });
        expect(HostConfig.CapAdd ?? [], Name).toEqual([]);
        expect(HostConfig.SecurityOpt, Name).toContain("no-new-privileges:true");
        expect(HostConfig.Memory, Name).toBeGreaterThan(0);
        expect(HostConfig.MemorySwap, Name).toBe(HostConfig.Memory);
      }
    });

    test("the object store refuses strangers, wrong keys, and keys outside their buckets", async () => {
      const anonymous = await fetch(`http://127.0.0.1:${ports.s3}/bronze?list-type=2`);
      expect(anonymous.status).toBe(403);
      const wrong = s3("admin", "not-the-password-of-this-stack");
      await expect(wrong.send(new ListBucketsCommand({}))).rejects.toMatchObject({
        $metadata: { httpStatusCode: 403 },
      });
      const unknown = s3("nobody", "not-the-password-of-this-stack");
      await expect(unknown.send(new ListObjectsV2Command({ Bucket: "bronze" }))).rejects.toMatchObject({
        $metadata: { httpStatusCode: 403 },
      });
      const lake = await objectStore(stage, "prefect/lake");
      await expect(lake.put("backups", "stranger", "x")).rejects.toMatchObject({
        $metadata: { httpStatusCode: 403 },
      });
      const login = await fetch(`http://127.0.0.1:${ports.console}/api/v1/login`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ accessKey: "admin", secretKey: "minioadmin" }),
      });
      expect(login.status).toBeGreaterThanOrEqual(400);
      wrong.destroy();
      unknown.destroy();
      lake.close();
    });

    test("PostgreSQL refuses wrong and missing passwords, and a role in another's database", async () => {
      expect(await connect("postgres", "postgres", "not-the-password")).toBe("28P01");
      expect(await connect("postgres", "postgres", undefined)).not.toBe("");
      expect(await connect("postgres", "postgres", await stage.secret("postgres/admin"))).toBe("");
      const role = await stage.secret("prefect/db");
      expect(await connect("prefect", "prefect", role)).toBe("");
      expect(await connect("prefect", "health", role)).toBe("42501");
    });

    test("Prefect answers 401 without the login, and with a wrong one", async () => {
      const ask = async (authorization?: string) => {
        const answer = await fetch(`${prefectApi}/admin/version`, {
          headers: authorization ? { authorization } : {},
        });
        return answer.status;
      };
      const basic = (password: string) => `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;
      expect(await ask()).toBe(401);
      expect(await ask(basic("not-the-password"))).toBe(401);
      expect(await ask(basic(await stage.secret("prefect/admin")))).toBe(200);
    });
  });
}

/** The SQLSTATE of a refused connection, or "" when it works. */
export async function connect(user: string, database: string, password: string | undefined): Promise<string> {
  const client = new pg.Client({
    host: "127.0.0.1",
    port: ports.postgres,
    user,
    database,
    ...(password !== undefined && { password }),
    connectionTimeoutMillis: 10_000,
  });
  try {
    await client.connect();
    await client.query("SELECT 1");
    return "";
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).message;
  } finally {
    await client.end().catch(() => {});
  }
}
