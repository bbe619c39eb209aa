import { stripVTControlCharacters } from "node:util";
import type { Reporter as StepReporter } from "../../ops/reporter.ts";
import { onStderr } from "./output.ts";

/** A reporter that draws on a stream. */
export interface Reporter extends StepReporter {
  /** A separate line above the running steps. */
  log(line: string): void;
  /** Stops drawing; running steps stay as they are. */
  close(): void;
}

export interface ReporterOptions {
  readonly stream?: NodeJS.WriteStream;
  /** Redraw lines in place. @default whether the stream is a terminal and CI is not set */
  readonly live?: boolean;
  /** Print nothing. @default false */
  readonly quiet?: boolean;
}

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const frameMs = 100;
const eraseLine = "\u001b[2K\r";
const lineUp = "\u001b[1A";

interface Active {
  readonly name: string;
  readonly started: number;
  text: string;
}

/** Shows running steps: a spinner per step on a terminal, plain lines `[  1.2s] name: text` elsewhere. */
export function createReporter(options: ReporterOptions = {}): Reporter {
  const stream = options.stream ?? process.stderr;
  const live = options.live ?? isLive(stream);
  if (options.quiet) return quiet;
  return live ? liveReporter(stream) : plainReporter(stream);
}

const isLive = (stream: NodeJS.WriteStream): boolean => stream.isTTY === true && !process.env.CI;
const nothing = () => {};
const quiet: Reporter = {
  step: () => ({ update: nothing, done: nothing, fail: nothing }),
  log: nothing,
  close: nothing,
};

function plainReporter(stream: NodeJS.WriteStream): Reporter {
  const origin = performance.now();
  const write = (name: string, text: string) => {
    const seconds = ((performance.now() - origin) / 1000).toFixed(1).padStart(5);
    stream.write(`[${seconds}s] ${name}${text && `: ${text}`}\n`);
  };
  return {
    step(name) {
      let last = "";
      const tell = (text: string) => {
        if (text !== last) write(name, text);
        last = text;
      };
      write(name, "");
      return {
        update: tell,
        done: (text) => tell(text ?? "done"),
        fail: (text) => write(name, `failed${text ? `: ${text}` : ""}`),
      };
    },
    log: (line) => void stream.write(`${line}\n`),
    close: nothing,
  };
}

function liveReporter(stream: NodeJS.WriteStream): Reporter {
  const active = new Set<Active>();
  let drawn = 0;
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;

  /** Writes finished lines in place of the live ones, and the live ones below. */
  function draw(finished: readonly string[] = []): void {
    const spinner = onStderr("cyan", frames[frame % frames.length] as string);
    const lines = [...active].map((step) =>
      clip(`${spinner} ${step.name}  ${dim(step.text)}  ${dim(elapsed(step))}`),
    );
    const erase = drawn === 0 ? "" : eraseLine + (lineUp + eraseLine).repeat(drawn - 1);
    const below = lines.join("\n");
    stream.write(erase + finished.map((line) => `${line}\n`).join("") + below);
    drawn = lines.length;
  }

  /** A live line must never wrap, because erasing counts lines. */
  function clip(line: string): string {
    const width = (stream.columns || 80) - 1;
    const plain = stripVTControlCharacters(line);
    return plain.length <= width ? line : `${plain.slice(0, width - 1)}…`;
  }

  function end(step: Active, mark: string, text: string | undefined): void {
    if (!active.delete(step)) return;
    draw([`${mark} ${step.name}${text ? `  ${text}` : ""}  ${dim(elapsed(step))}`]);
    if (active.size === 0) stop();
  }

  function stop(): void {
    clearInterval(timer);
    timer = undefined;
  }

  return {
    step(name) {
      const step: Active = { name, started: performance.now(), text: "" };
      active.add(step);
      timer ??= setInterval(() => {
        frame += 1;
        draw();
      }, frameMs).unref();
      draw();
      return {
        update: (text) => {
          step.text = text;
        },
        done: (text) => end(step, onStderr("green", "✔"), text),
        fail: (text) => end(step, onStderr("red", "✖"), text),
      };
    },
    log: (line) => draw([line]),
    close() {
      stop();
      if (drawn > 0) stream.write("\n");
      drawn = 0;
      active.clear();
    },
  };
}

const dim = (text: string) => (text === "" ? "" : onStderr("dim", text));

function elapsed({ started }: Active): string {
  const seconds = (performance.now() - started) / 1000;
  return seconds < 100 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

export interface Bar {
  update(done: number): void;
  stop(): void;
}

/** A progress bar for a known number of bytes; only on a terminal. */
export async function createBar(name: string, totalBytes: number): Promise<Bar | undefined> {
  if (!isLive(process.stderr)) return undefined;
  const [{ default: progress }, { formatBytes }] = await Promise.all([
    import("cli-progress"),
    import("../../model/units.ts"),
  ]);
  const bar = new progress.SingleBar({
    format: `${name}  {bar}  {percentage}%  {done} of {size}  {duration_formatted}`,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 30,
    hideCursor: false,
    clearOnComplete: true,
    stream: process.stderr,
    etaBuffer: 50,
  });
  const size = formatBytes(totalBytes);
  bar.start(totalBytes, 0, { done: formatBytes(0), size });
  return {
    update: (done) => bar.update(done, { done: formatBytes(done), size }),
    stop: () => bar.stop(),
  };
}
