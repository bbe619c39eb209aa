import { createHash } from "node:crypto";
import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { render } from "../../src/model/refs.ts";
import { judge, judgeDriver, type MasterState } from "../../src/services/spark/checks.ts";
import { executorMebibytes, properties, withEventLogs } from "../../src/services/spark/config.ts";
import {
  bytes,
  ConnectError,
  ConnectSession,
  field,
  frames,
  number,
} from "../../src/services/spark/connect-client.ts";
import { spark } from "../../src/services/spark.ts";

const gibibyte = 2 ** 30;

describe("an executor's heap", () => {
  test("leaves room for the worker, for Python and for what lies beyond the heap", () => {
    expect(executorMebibytes(2 * gibibyte)).toBe(1248);
    expect(executorMebibytes(8 * gibibyte)).toBe(5856);
  });

  test("is never less than Spark accepts", () => {
    expect(executorMebibytes(256 * 2 ** 20)).toBe(480);
  });
});

test("a properties file has a line a property, a later value in the place of an earlier one", () => {
  expect(properties({ "spark.a": "1", "spark.b": "2" }, { "spark.a": "3" })).toEqual({
    parts: ["spark.a 3\nspark.b 2\n"],
  });
});

test("the folder of event logs is made with the hash of its content, which not every store does without", () => {
  const script = withEventLogs(
    {
      kind: "bucket",
      url: { ref: "address", workload: "object-store", endpoint: "s3", part: "url" },
      region: "us-east-1",
      accessKey: "spark.lake",
      secretKey: "k",
      names: ["artifacts"],
    },
    ["history"],
  );
  const text = render(script, () => "http://object-store:9000");
  const nothing = createHash("sha256").update("").digest("hex");
  expect(text).toContain(`--header 'x-amz-content-sha256: ${nothing}'`);
  expect(text).toMatch(/'http:\/\/object-store:9000\/artifacts\/spark-events\/'\nexec history\n$/);
});

describe("workers", () => {
  const { options, parts } = spark;
  const parse = (value: unknown) => options?.parse(value) as never;

  test("are as many as the configuration says, one when it says nothing", () => {
    expect(parts.worker?.replicas?.(parse({}))).toBe(1);
    expect(parts.worker?.replicas?.(parse({ workers: 3 }))).toBe(3);
  });

  test("missing raise an alert that knows the number", () => {
    const [alert] =
      spark.alerts?.(parse({ workers: 3 }), { cluster: null, external: { database: null, bucket: null } }) ??
      [];
    expect(alert?.expr).toBe("metrics_master_aliveWorkers_Value < 3");
  });

  test.each([{ workers: 0 }, { cores: 0 }, { idleTimeout: "soon" }, { memory: "2Gi" }])(
    "are refused as %j",
    (value) => {
      expect(options?.safeParse(value).success).toBe(false);
    },
  );
});

describe("the cluster", () => {
  const whole: MasterState = {
    status: "ALIVE",
    workers: [
      { state: "ALIVE", cores: 2 },
      { state: "DEAD", cores: 2 },
    ],
    activeapps: [{ name: "connect", state: "WAITING" }],
  };

  test("is whole when a worker and the application are registered; the dead don't count", () => {
    expect(judge(whole, "connect")).toBe("1 worker, 2 cores");
  });

  test.each<[string, Partial<MasterState>]>([
    ["the master is RECOVERING", { status: "RECOVERING" }],
    ["no worker is registered", { workers: [{ state: "DEAD", cores: 2 }] }],
    ['the application "connect" is not registered', { activeapps: [] }],
  ])("is not when %s", (problem, change) => {
    expect(() => judge({ ...whole, ...change }, "connect")).toThrow(problem);
  });
});

describe("a driver in a cluster", () => {
  const driver = { id: "driver", isActive: true, totalCores: 0 };

  test("is whole without executors, and says how many there are", () => {
    expect(judgeDriver([driver])).toBe("0 executors, 0 cores");
    const gone = { id: "1", isActive: false, totalCores: 2 };
    expect(judgeDriver([driver, gone, { id: "2", isActive: true, totalCores: 2 }])).toBe(
      "1 executor, 2 cores",
    );
  });

  test("is not when it is not active itself", () => {
    expect(() => judgeDriver([{ ...driver, isActive: false }])).toThrow("the driver is not active");
  });
});

describe("the client of Spark Connect", () => {
  const frame = (message: Buffer) => {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    return Buffer.concat([prefix, message]);
  };

  /** A server that answers every call with these messages and this status. */
  async function serving(messages: Buffer[], status: string): Promise<{ address: string; calls: string[] }> {
    const calls: string[] = [];
    const server = createServer();
    server.on("stream", (stream: ServerHttp2Stream, headers) => {
      calls.push(`${headers[":path"]} ${headers.authorization}`);
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () =>
        stream.sendTrailers({ "grpc-status": status, "grpc-message": "no%20entry" }),
      );
      stream.end(Buffer.concat(messages.map(frame)));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, calls };
  }

  test("reads the version, with the token in every call, and releases its session", async () => {
    const { address, calls } = await serving([bytes(8, bytes(1, Buffer.from("4.1.1")))], "0");
    const session = new ConnectSession(address, "abc", AbortSignal.timeout(5000));
    expect(await session.version()).toBe("4.1.1");
    await session.close();
    expect(calls).toEqual([
      "/spark.connect.SparkConnectService/AnalyzePlan Bearer abc",
      "/spark.connect.SparkConnectService/ReleaseSession Bearer abc",
    ]);
  });

  test("adds the rows of all batches", async () => {
    const batch = (rows: number) => bytes(2, Buffer.from([8, rows]));
    const { address } = await serving([batch(2), Buffer.alloc(0), batch(5)], "0");
    const session = new ConnectSession(address, "abc", AbortSignal.timeout(5000));
    expect(await session.rows("SELECT 1")).toBe(7);
    await session.close();
  });

  test("throws what the server says", async () => {
    const { address } = await serving([], "16");
    const session = new ConnectSession(address, "abc", AbortSignal.timeout(5000));
    const error = await session.version().catch((thrown) => thrown);
    await session.close();
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ status: 16, message: "no entry" });
  });

  test("throws when nobody listens", async () => {
    const session = new ConnectSession("127.0.0.1:1", "abc", AbortSignal.timeout(5000));
    await expect(session.version()).rejects.toThrow();
    await session.close();
  });

  test("reads what it writes: frames, nested fields and numbers beyond one byte", () => {
    const message = Buffer.concat([bytes(1, Buffer.from("x".repeat(300))), Buffer.from([0x10, 0xac, 0x02])]);
    expect(frames(Buffer.concat([frame(message), frame(Buffer.alloc(0))]))).toEqual([
      message,
      Buffer.alloc(0),
    ]);
    expect(field(message, 1)?.length).toBe(300);
    expect(number(message, 2)).toBe(300);
    expect(number(message, 9)).toBe(0);
  });
});
