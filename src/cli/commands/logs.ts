import { readPlatformAndCredentials } from "../../ops/services/credentials.ts";
import { type LogWish, understand } from "../../ops/services/log-query.ts";
import { logReader } from "../../ops/services/log-store.ts";
import { readLogs, type ServiceLogLine } from "../../ops/services/logs.ts";
import type { Context } from "../terminal/options.ts";
import { onStderr, onStdout, print, printableLines, say } from "../terminal/output.ts";

/** Prints the selected lines: `./datalab services logs`. */
export async function showLogs(context: Context, wish: LogWish): Promise<void> {
  const query = understand(wish);
  const { platform, credentials } = await readPlatformAndCredentials(context.project, context.stack);
  const workloads = platform.services.flatMap((service) => service.workloads.map(({ name }) => name));
  const stop = new AbortController();
  await readLogs(platform, logReader(platform, credentials), query, {
    onLine: context.json ? (line) => print(JSON.stringify(line)) : prefixed(workloads),
    onFallback: ({ message }) =>
      say(`${onStderr("yellow", "!")} ${message} Showing the logs of the existing containers.`),
    onMissing: (workload, { message }) => say(`${onStderr("yellow", "!")} ${workload}: ${message}`),
    signal: stop.signal,
  });
}

const palette = ["cyan", "magenta", "yellow", "green", "blue"] as const;
const formats = { warning: "yellow", error: "red", critical: "red" } as const;

/** Each line with its workload in front, in the workload's colour; severe lines in the level's colour. */
function prefixed(names: readonly string[]): (line: ServiceLogLine) => void {
  const width = Math.max(0, ...names.map((name) => name.length));
  return ({ workload, line, level }) => {
    const format = palette[names.indexOf(workload) % palette.length] ?? "cyan";
    const weight = formats[level as keyof typeof formats];
    // A service may log what somebody has sent it.
    const safe = printableLines(line);
    const text = weight ? onStdout(weight, safe) : safe;
    print(`${onStdout(format, workload.padEnd(width))} ${onStdout("dim", "|")} ${text}\n`);
  };
}
