import { PassThrough } from "node:stream";
import { DatalabError, type ExitCode, exit, reportedError } from "../../errors.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import { parseExactly } from "../exact-json.ts";
import { lastLines } from "../process.ts";
import type { Runtime } from "../target.ts";
import { runtimeOf } from "../targets.ts";

/** Runs the lake's command-line tool inside the platform. */
export interface ToolRunner {
  /**
   * Runs it with these arguments and returns the JSON it printed. Throws the tool's own error, with its code.
   * @param request what its arguments do not hold, such as the SQL of a query
   */
  run<T>(args: readonly string[], request?: Readonly<Record<string, unknown>>): Promise<T>;
}

export interface TableInfo {
  readonly layer: string;
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly version: number;
  readonly bytes: number;
  readonly updated: string;
}

/** A table that is there and can't be read: the others are listed beside it. */
export interface UnreadableTable {
  readonly layer: string;
  readonly name: string;
  readonly error: string;
}

export type ListedTable = TableInfo | UnreadableTable;

export const isReadable = (table: ListedTable): table is TableInfo => !("error" in table);

export interface TableDetails extends Omit<TableInfo, "columns"> {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly history: readonly {
    readonly version: number;
    readonly timestamp: string;
    readonly operation: string;
    readonly rows?: number;
  }[];
  readonly sample: readonly Row[];
}

/** What a `data drop` removes, or would remove. */
export interface Dropped {
  readonly table: string;
  /** null: it can't be read. */
  readonly rows: number | null;
  readonly bytes: number;
  readonly objects: number;
  readonly removes: readonly string[];
  readonly notes: readonly string[];
  /** Why a pipeline would make it again or miss it. */
  readonly reasons: readonly string[];
  readonly removed: boolean;
}

export type Row = Readonly<Record<string, unknown>>;

export interface Ingested {
  readonly table: string;
  readonly file: string;
  readonly hash: string;
  readonly rows: number;
  readonly malformed: number;
  readonly skipped: boolean;
  readonly version: number;
}

const capability = "lake";

/** What carries the lake's tool, and how its bucket is reached from here. */
export function lakeOf(platform: PlatformOutput): PlatformOutput["tools"][string] {
  const tool = platform.tools[capability];
  if (tool) return tool;
  throw new DatalabError(
    "E_NO_LAKE_TOOL",
    `The stack ${platform.stack} has no service with the lake's tool.`,
    {
      hint: `Enable a service that runs pipelines in Pulumi.${platform.stack}.yaml.`,
    },
  );
}

export interface ToolOptions {
  /** Receives the words that the tool says while it works. */
  readonly onOutput?: (line: string) => void;
  /** Cancels what the tool does, inside the platform too. */
  readonly signal?: AbortSignal;
  /** @default the platform's own */
  readonly runtime?: Pick<Runtime, "exec">;
  /** How long a cancelled tool may take to end. @default 15 */
  readonly graceSeconds?: number;
}

/**
 * The tool ends when its standard input does, for no signal reaches a command in a container. So it is
 * cancelled by the end of its input, and ends too when this process is killed.
 */
export function lakeTool(platform: PlatformOutput, options: ToolOptions = {}): ToolRunner {
  const { instance, command } = lakeOf(platform);
  const { onOutput, signal, graceSeconds = 15 } = options;
  return {
    async run<T>(args: readonly string[], request: Readonly<Record<string, unknown>> = {}): Promise<T> {
      const runtime = options.runtime ?? (await runtimeOf(platform));
      if (signal?.aborted) throw new DatalabError("E_INTERRUPTED", "Interrupted. Nothing was changed.");
      const input = new PassThrough();
      input.write(`${JSON.stringify(request)}\n`);
      const giveUp = new AbortController();
      let timer: NodeJS.Timeout | undefined;
      const cancel = () => {
        input.end();
        timer = setTimeout(() => giveUp.abort(), graceSeconds * 1000);
      };
      signal?.addEventListener("abort", cancel, { once: true });
      try {
        const ran = await runtime.exec(instance, [...command, "--attended", ...args], {
          input,
          signal: giveUp.signal,
          ...(onOutput && { onError: onOutput }),
        });
        return toolResult(ran) as T;
      } catch (error) {
        if (signal?.aborted && !(error instanceof DatalabError && error.code === "E_INTERRUPTED"))
          throw maybeGoesOn(platform, instance);
        throw error;
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", cancel);
        input.end();
      }
    },
  };
}

const maybeGoesOn = ({ stack }: PlatformOutput, instance: string): DatalabError =>
  new DatalabError(
    "E_INTERRUPTED",
    `Interrupted, but the lake's tool in ${instance} did not confirm its end: its work may go on there.`,
    { hint: `./datalab data list-tables --stack ${stack} shows whether a table has changed.` },
  );

const exitCodes: ReadonlyMap<number | null, ExitCode> = new Map([
  [2, exit.usage],
  [130, exit.interrupted],
]);

/** What a tool printed: its JSON, or the error that it reports. */
export function toolResult(ran: { code: number | null; stdout: string; stderr: string }): unknown {
  let value: unknown;
  try {
    value = parseExactly(ran.stdout);
  } catch {
    value = undefined;
  }
  if (ran.code === 0 && value !== undefined) return value;
  const { error } = (value ?? {}) as { error?: { code?: string; message?: string; hint?: string | null } };
  if (error?.message?.includes("--attended")) {
    throw new DatalabError(
      "E_PLATFORM_OUTPUT",
      "The stack was deployed by another version of DataLab: its lake's tool does not know --attended.",
      { hint: "./datalab up updates it to this version." },
    );
  }
  if (error) {
    throw reportedError(error.code ?? "E_LAKE", error.message ?? "The lake's tool failed.", {
      exitCode: exitCodes.get(ran.code) ?? exit.failure,
      ...(error.hint && { hint: error.hint }),
    });
  }
  // 137: killed, which inside a container with a memory limit mostly means that the limit was reached.
  const memory =
    ran.code === 137 ? " It was killed, most likely because it reached its container's memory limit." : "";
  const words = lastLines(ran.stderr, 5);
  const ended = ran.code === 0 ? "printed no JSON" : `ended with ${ran.code}`;
  throw new DatalabError("E_LAKE_TOOL", `The lake's tool ${ended}.${memory}${words && `\n${words}`}`, {
    ...(memory && { hint: "Raise the memory of the service, or read less data at once." }),
  });
}
