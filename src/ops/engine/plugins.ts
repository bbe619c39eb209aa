import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatalabError } from "../../errors.ts";
import type { PlatformModel } from "../../model/platform.ts";
import { lastLines, run } from "../process.ts";
import type { Reporter } from "../reporter.ts";

/** The plugin that set-up installs only where somebody needs it: a stack in a cluster does. */
const plugin = "kubernetes";

/**
 * Makes sure that the engine has the plugins that a stack's target needs; what is missing is installed by
 * set-up, which takes minutes where it has to be built. Without a reporter, as for a preview in a program, it
 * says nothing meanwhile.
 */
export async function ensurePlugins(
  project: string,
  { cluster }: Pick<PlatformModel, "cluster">,
  reporter?: Reporter,
): Promise<void> {
  const home = process.env.PULUMI_HOME;
  if (!cluster || home === undefined) return;
  const lock = JSON.parse(readFileSync(join(import.meta.dirname, "../../images/lock.json"), "utf8")) as {
    pulumi: { plugins: Record<string, string> };
  };
  const folder = join(home, "plugins", `resource-${plugin}-v${lock.pulumi.plugins[plugin]}`);
  if (existsSync(join(folder, `pulumi-resource-${plugin}.stamp`))) return;
  const step = reporter?.step("set-up");
  step?.update(`installing the engine's plugin for ${plugin}; this takes minutes if it has to be built`);
  const ran = await run("./setup.sh", ["--with", plugin, "--only", "engine"], {
    cwd: project,
    onError: (line) => step?.update(line.replace(/^\[\s*[\d.]+s\] /, "")),
  });
  if (ran.code === 0) return step?.done(`the plugin for ${plugin} is in place`);
  step?.fail();
  throw new DatalabError(
    "E_SETUP",
    `The engine's plugin for ${plugin} could not be installed:\n${lastLines(ran.stderr || ran.stdout, 5)}`,
    { hint: `./setup.sh --with ${plugin} --verbose shows the full output.` },
  );
}
