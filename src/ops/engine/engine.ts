import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { masterChanged } from "../../declare.ts";
import { DatalabError, exit } from "../../errors.ts";
import { isRunning, locked } from "../lock.ts";
import { lastLines } from "../process.ts";
import { diedWithHolder } from "../shared-lock.ts";
import { pulumiError } from "./pulumi-cli.ts";

export type EngineCommand = "up" | "preview" | "destroy" | "refresh";

/** A change that the engine plans or has made. */
export interface EngineStep {
  readonly op: string;
  readonly urn: string;
  /** `docker:index/container:Container` */
  readonly type: string;
  /** The resource's logical name. */
  readonly name: string;
  readonly state: "planned" | "started" | "done" | "failed";
}

export interface EngineResult {
  readonly code: number;
  /** Count of resources by operation: create, update, replace, delete, same. */
  readonly changes: Readonly<Record<string, number>>;
  readonly steps: readonly EngineStep[];
  /** The stack's outputs, as far as the engine told them; secrets are masked. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** What the engine and its providers found wrong, most telling first. */
  readonly errors: readonly string[];
  readonly stderr: string;
}

export interface EngineOptions {
  readonly project: string;
  readonly stack: string;
  readonly args?: readonly string[];
  /** Steps at once. */
  readonly parallel?: number;
  readonly onStep?: (step: EngineStep) => void;
  /** The engine's own display, line by line. */
  readonly onLine?: (line: string) => void;
  /** Everything that the engine tells, as it tells it. */
  readonly onEvent?: (event: EngineEvent) => void;
  /** Variables of the program. */
  readonly env?: Readonly<Record<string, string>>;
  /** Aborting asks the engine to stop after its running steps. */
  readonly signal?: AbortSignal;
}

export interface EngineEvent {
  readonly resourcePreEvent?: { metadata: StepMetadata; planning?: boolean };
  readonly resOutputsEvent?: { metadata: StepMetadata };
  readonly resOpFailedEvent?: { metadata: StepMetadata };
  readonly diagnosticEvent?: { severity: string; message: string; urn?: string; ephemeral?: boolean };
  readonly summaryEvent?: { resourceChanges?: Record<string, number> };
  readonly policyEvent?: {
    readonly resourceUrn?: string;
    readonly message: string;
    readonly policyName: string;
    readonly enforcementLevel: string;
  };
}
export interface StepMetadata {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly old?: StepState | null;
  readonly new?: StepState | null;
  /** What differs: by path, where the provider tells. */
  readonly detailedDiff?: Readonly<Record<string, { readonly diffKind: string }>> | null;
  readonly diffs?: readonly string[] | null;
}
export interface StepState {
  readonly retainOnDelete?: boolean;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/**
 * Runs the Pulumi CLI in a process group of its own, so that a Ctrl-C in the terminal reaches it once,
 * through us, and not twice: a second interrupt makes the engine drop its steps where they are.
 */
export async function runEngine(command: EngineCommand, options: EngineOptions): Promise<EngineResult> {
  const folder = mkdtempSync(join(tmpdir(), "datalab-engine-"));
  const log = join(folder, "events");
  const args = [
    command,
    ...["--stack", options.stack, "--non-interactive", "--color", "never", "--event-log", log],
    // Its steps wait for the target, not for the CPU; four a core, the default, would make them wait for each
    // other.
    ...["--parallel", String(options.parallel ?? 64)],
    ...(command === "preview" || options.args?.includes("--preview-only") ? [] : ["--yes", "--skip-preview"]),
    ...(options.args ?? []),
  ];
  const events = new Events(log, options);
  try {
    const child = spawn("pulumi", args, {
      cwd: options.project,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      env: {
        ...process.env,
        PULUMI_DEBUG_COMMANDS: "true", // which is where --event-log is
        ...options.env,
      },
    });
    let stderr = "";
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) options.onLine?.(line);
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
    });
    const interrupt = () => child.kill("SIGINT");
    options.signal?.addEventListener("abort", interrupt);
    if (options.signal?.aborted) interrupt();
    const timer = setInterval(() => events.read(), 100);
    const code = await new Promise<number>((resolve, reject) => {
      child.on("error", (error: NodeJS.ErrnoException) =>
        reject(
          error.code === "ENOENT"
            ? new DatalabError("E_PULUMI_MISSING", "The Pulumi CLI was not found.", {
                hint: "Run this through ./datalab, which sets the path.",
              })
            : error,
        ),
      );
      child.on("close", (status) => resolve(status ?? exit.interrupted));
    }).finally(() => {
      clearInterval(timer);
      options.signal?.removeEventListener("abort", interrupt);
    });
    events.read();
    const { changes, steps, outputs, errors } = events;
    return { code, changes, steps, outputs, errors, stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads the engine's event log, a JSON document a line, as it grows. */
class Events {
  readonly steps: EngineStep[] = [];
  readonly errors: string[] = [];
  changes: Readonly<Record<string, number>> = {};
  outputs: Readonly<Record<string, unknown>> = {};
  readonly #path: string;
  readonly #options: EngineOptions;
  /** A chunk may end inside a character. */
  readonly #decoder = new StringDecoder("utf8");
  #offset = 0;
  #rest = "";

  constructor(path: string, options: EngineOptions) {
    this.#path = path;
    this.#options = options;
  }

  read(): void {
    if (!existsSync(this.#path)) return;
    const file = openSync(this.#path, "r");
    try {
      const chunk = Buffer.alloc(1 << 16);
      for (;;) {
        const count = readSync(file, chunk, 0, chunk.length, this.#offset);
        if (count === 0) break;
        this.#offset += count;
        this.#rest += this.#decoder.write(chunk.subarray(0, count));
      }
    } finally {
      closeSync(file);
    }
    const lines = this.#rest.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") this.#take(JSON.parse(line) as EngineEvent);
  }

  #take(event: EngineEvent): void {
    this.#options.onEvent?.(event);
    if (event.resourcePreEvent) {
      this.#step(event.resourcePreEvent.metadata, event.resourcePreEvent.planning ? "planned" : "started");
    }
    if (event.resOutputsEvent) {
      const { metadata } = event.resOutputsEvent;
      this.#step(metadata, "done");
      if (metadata.type === "pulumi:pulumi:Stack") this.outputs = metadata.new?.outputs ?? this.outputs;
    }
    if (event.resOpFailedEvent) this.#step(event.resOpFailedEvent.metadata, "failed");
    if (event.summaryEvent?.resourceChanges) this.changes = event.summaryEvent.resourceChanges;
    const diagnostic = event.diagnosticEvent;
    if (diagnostic?.severity === "error" && !diagnostic.ephemeral) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the engine colours its messages so
      const message = diagnostic.message.replace(/<\{%.*?%\}>|\u001b\[[0-9;]*m/g, "").trim();
      if (message !== "" && !/^(update|preview|destroy) failed$/.test(message)) this.errors.push(message);
    }
  }

  #step({ op, urn, type }: StepMetadata, state: EngineStep["state"]): void {
    const step = { op, urn, type, name: urn.split("::").at(-1) as string, state };
    this.steps.push(step);
    this.#options.onStep?.(step);
  }
}

/**
 * What a failed run of the engine means for people; undefined when its lock was left by a process that is
 * dead.
 */
export function engineError(result: EngineResult, stack: string): DatalabError | undefined {
  const held = /currently locked by[\s\S]*?created by (\S+?)@(\S+) \(pid (\d+)\) at (\S+)/.exec(
    result.stderr,
  );
  if (held) {
    const [, user, host, pid, since] = held as unknown as [string, string, string, string, string];
    if (host === hostname() && !isRunning(Number(pid))) return undefined;
    if (diedWithHolder(host, user, since)) return undefined;
    return locked(stack, { user, host, pid: Number(pid), since, command: "pulumi" });
  }
  // The program has compared them, and can tell of it in words only.
  const changed = masterChanged(stack);
  if (result.errors.some((message) => message.includes(changed.message))) return changed;
  if (result.errors.length > 0) {
    return new DatalabError("E_ENGINE", result.errors.map(withoutNoise).join("\n"), {
      hint: "Fix the cause and run ./datalab up again; --verbose shows the engine's full output.",
    });
  }
  const known = pulumiError(result.stderr, stack);
  return known.code === "E_PULUMI"
    ? new DatalabError("E_ENGINE", `The engine failed (exit ${result.code}): ${lastLines(result.stderr, 5)}`)
    : known;
}

/** Providers say everything twice, with the place in their own source before it. */
function withoutNoise(message: string): string {
  return message
    .replace(/^\s*sdk-v2\/provider2\.go:\d+: sdk\.helper_schema: /, "")
    .replace(/: provider=docker@[\d.]+$/, "");
}
