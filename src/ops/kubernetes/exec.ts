import { createInterface } from "node:readline";
import { PassThrough, Readable } from "node:stream";
import { Exec, type V1Status } from "@kubernetes/client-node";
import { DatalabError } from "../../errors.ts";
import type { Ran } from "../process.ts";
import type { ExecOptions } from "../target.ts";
import type { Cluster } from "./api.ts";

/**
 * Runs a command in a pod's container to its end. Throws when the pod can't run any, not when the command
 * fails.
 */
export async function execInPod(
  cluster: Cluster,
  pod: string,
  container: string,
  command: readonly string[],
  options: ExecOptions,
): Promise<Ran> {
  const { input = "", output, onError, timeoutSeconds, signal } = options;
  const stdout = collected();
  // As for a process of this machine.
  const stderr = collected(onError ? 256 : undefined);
  if (onError) createInterface({ input: stderr.stream }).on("line", onError);
  // Without input the container's own empty one is read, which ends at once.
  const stdin = typeof input !== "string" ? input : input === "" ? null : Readable.from([Buffer.from(input)]);
  const told = Promise.withResolvers<V1Status>();
  stdin?.on("error", told.reject);
  output?.on("error", told.reject);
  told.promise.catch(() => {});
  const socket = await new Exec(cluster.config)
    .exec(
      cluster.target.namespace,
      pod,
      container,
      [...command],
      output ?? stdout.stream,
      stderr.stream,
      stdin,
      false,
      told.resolve,
    )
    .catch((error: unknown) => {
      throw notStarted(cluster, pod, error);
    });
  const lost = (reason: string) =>
    told.reject(
      new DatalabError(
        "E_EXEC",
        `The connection to the pod ${pod} was lost while a command ran there (${reason}).`,
        {
          hint: "./datalab platform status",
        },
      ),
    );
  socket.on("close", () => lost("it was closed"));
  socket.on("error", (error: Error) => lost(error.message));
  const giveUp = () => {
    told.reject(signal?.reason);
    socket.terminate();
  };
  signal?.addEventListener("abort", giveUp, { once: true });
  const timer =
    timeoutSeconds === undefined
      ? undefined
      : setTimeout(() => {
          told.reject(new Error(`it did not finish within ${timeoutSeconds} s`));
          socket.terminate();
        }, timeoutSeconds * 1000);
  try {
    const status = await told.promise;
    const { code, words } = exitOf(status);
    if (output) await new Promise<void>((done) => output.end(done));
    return {
      code,
      stdout: stdout.text(),
      stderr: [stderr.text(), words].filter((text) => text !== "").join("\n"),
    };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
    socket.close();
  }
}

function collected(most = Number.POSITIVE_INFINITY): { readonly stream: PassThrough; text(): string } {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    if (chunks.length > most) chunks.shift();
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

/** How a command ended. A status that tells no exit code says why it could not begin. */
export function exitOf(status: Pick<V1Status, "status" | "message" | "details">): {
  code: number;
  words: string;
} {
  if (status.status === "Success") return { code: 0, words: "" };
  const code = status.details?.causes?.find(({ reason }) => reason === "ExitCode")?.message;
  return code === undefined ? { code: 126, words: status.message ?? "" } : { code: Number(code), words: "" };
}

function notStarted({ target }: Cluster, pod: string, error: unknown): DatalabError {
  const { message } = error as { message?: string };
  const status = Number(/server response: (\d+)/.exec(message ?? "")?.[1]);
  if (status === 403) {
    return new DatalabError(
      "E_CLUSTER_FORBIDDEN",
      `The context ${target.context} may not run commands in pods.`,
      {
        hint: `It needs the right to create pods/exec in the namespace ${target.namespace}.`,
        cause: error,
      },
    );
  }
  // A pod that is gone, or whose container does not run (any more).
  if ([400, 404, 500].includes(status)) {
    return new DatalabError("E_WORKLOAD_DOWN", `The pod ${pod} is not running.`, {
      hint: "./datalab platform status",
      cause: error,
    });
  }
  return new DatalabError(
    "E_EXEC",
    `No command can be run in the pod ${pod}: ${message ?? "no reason given"}`,
    {
      hint: "./datalab platform status",
      cause: error,
    },
  );
}
