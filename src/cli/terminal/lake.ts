import { lakeTool } from "../../ops/lake/lake.ts";
import { readPlatform } from "../../ops/services/platform.ts";
import { cancellable } from "./interrupt.ts";
import type { Context } from "./options.ts";
import { say } from "./output.ts";

/** Runs the lake's tool once; Ctrl-C ends it, inside the platform too. */
export async function ask<T>(
  context: Context,
  args: readonly string[],
  request?: Record<string, unknown>,
): Promise<T> {
  const platform = await readPlatform(context.project, context.stack);
  return cancellable((signal) => {
    const tool = lakeTool(platform, { signal, ...(context.verbose && { onOutput: say }) });
    return tool.run<T>(args, request);
  });
}
