import { throwIfAborted } from "./abort.ts";

/** How an operation tells people what is under way; the CLI draws it. */
export interface Step {
  update(text: string): void;
  done(text?: string): void;
  fail(text?: string): void;
}

export interface Reporter {
  /** Starts a step; several may be under way at once. */
  step(name: string): Step;
}

export interface StepOptions {
  /** Once it has aborted, a failure is reported as the interrupt that caused it. */
  readonly signal?: AbortSignal;
  /** Show the step only when there is something to say of it. @default false */
  readonly lazy?: boolean;
}

/**
 * Runs work as one step of the report. The step is done with the text that comes with the result, unless the
 * work has ended the step itself, and fails when the work throws.
 */
export async function runStep<T>(
  reporter: Reporter,
  name: string,
  work: (step: Step) => Promise<readonly [result: T, text: string | undefined]>,
  { signal, lazy = false }: StepOptions = {},
): Promise<T> {
  let shown: Step | undefined;
  let ended = false;
  const begin = (): Step => {
    shown ??= reporter.step(name);
    return shown;
  };
  const end = (how: "done" | "fail", text?: string) => {
    if (!ended) begin()[how](text);
    ended = true;
  };
  if (!lazy) begin();
  try {
    const [result, text] = await work({
      update: (now) => begin().update(now),
      done: (now) => end("done", now),
      fail: (now) => end("fail", now),
    });
    if (!lazy || text !== undefined) end("done", text);
    return result;
  } catch (error) {
    end("fail");
    if (signal) throwIfAborted(signal);
    throw error;
  }
}
