import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { connectCluster } from "../../../src/ops/kubernetes/api.ts";
import { execInPod } from "../../../src/ops/kubernetes/exec.ts";
import { lakeTool } from "../../../src/ops/lake/lake.ts";
import { platform } from "../fixture-platform.ts";
import { writeKubeconfig } from "../stand-in-cluster.ts";

/** Channels of `v5.channel.k8s.io`, each frame's first byte; closeStream is followed by the one it closes. */
const channel = { stdin: 0, stdout: 1, status: 3, closeStream: 255 };

interface Pod {
  /** What came on standard input, and `closed` at its end. */
  readonly heard: string[];
  readonly kubeconfig: string;
  /** Resolves when the connection has gone. */
  readonly gone: Promise<void>;
}

/** An API server that runs a command in a pod: the command does what it is told to on its input's end. */
async function podWith(onEnd: (say: (to: number, text: string) => void) => void): Promise<Pod> {
  const heard: string[] = [];
  const gone = Promise.withResolvers<void>();
  const server = createServer().listen(0, "127.0.0.1");
  server.on("upgrade", (request, socket: Socket) => {
    const magic = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(magic).digest("base64");
    const head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
    head.push(`Sec-WebSocket-Accept: ${accept}`, "Sec-WebSocket-Protocol: v5.channel.k8s.io");
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    socket.on("close", () => gone.resolve());
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    const say = (to: number, text: string) => {
      const body = Buffer.concat([Buffer.from([to]), Buffer.from(text)]);
      const length = body.length < 126 ? [body.length] : [126, body.length >> 8, body.length & 255];
      socket.write(Buffer.concat([Buffer.from([0x82, ...length]), body]));
    };
    let left = Buffer.alloc(0);
    socket.on("data", (data) => {
      left = Buffer.concat([left, data]);
      // Frames of a client are masked; those of this test are short.
      for (;;) {
        const length = (left[1] ?? 0) & 127;
        if (left.length < 6 + length) return;
        const mask = left.subarray(2, 6);
        const body = left.subarray(6, 6 + length).map((byte, i) => byte ^ (mask[i % 4] ?? 0));
        const kind = (left[0] ?? 0) & 15;
        left = left.subarray(6 + length);
        if (kind === 8) socket.end();
        if (kind > 2) continue;
        if (body[0] === channel.stdin) heard.push(Buffer.from(body.subarray(1)).toString());
        if (body[0] === channel.closeStream) {
          heard.push("closed");
          onEnd(say);
        }
      }
    });
  });
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => void server.close());
  const kubeconfig = writeKubeconfig(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return { heard, kubeconfig, gone: gone.promise };
}

const lake = { workload: "w", instance: "i", command: ["tool"], bucket: null };
const deployed = { ...platform(), tools: { lake } };

function toolIn({ kubeconfig }: Pod, signal: AbortSignal, graceSeconds = 15) {
  const cluster = connectCluster({ context: "lab", kubeconfig, namespace: "lab" });
  const exec = (instance: string, command: readonly string[], options: Parameters<typeof execInPod>[4]) =>
    execInPod(cluster, instance, "main", command, options);
  return lakeTool(deployed, { signal, graceSeconds, runtime: { exec } });
}

describe("a command in a pod that is cancelled", () => {
  test("ends with its input, and says how", async () => {
    const pod = await podWith((say) => {
      say(channel.stdout, '{"error":{"code":"E_INTERRUPTED","message":"Interrupted. Nothing was changed."}}');
      const causes = [{ reason: "ExitCode", message: "130" }];
      say(channel.status, JSON.stringify({ status: "Failure", details: { causes } }));
    });
    const cancel = new AbortController();
    const asked = toolIn(pod, cancel.signal).run(["query"], { sql: "S" });
    asked.catch(() => {});
    await expect.poll(() => pod.heard).toEqual(['{"sql":"S"}\n']);
    cancel.abort();
    await expect(asked).rejects.toMatchObject({
      code: "E_INTERRUPTED",
      exitCode: 130,
      message: "Interrupted. Nothing was changed.",
    });
    expect(pod.heard).toEqual(['{"sql":"S"}\n', "closed"]);
    await pod.gone;
  });

  test("and does not end is left, and its connection with it", async () => {
    const pod = await podWith(() => {});
    const cancel = new AbortController();
    const asked = toolIn(pod, cancel.signal, 0.2).run(["query"], { sql: "S" });
    asked.catch(() => {});
    await expect.poll(() => pod.heard.length).toBe(1);
    cancel.abort();
    await expect(asked).rejects.toMatchObject({
      code: "E_INTERRUPTED",
      message: expect.stringContaining("its work may go on there"),
    });
    await pod.gone;
  });
});
