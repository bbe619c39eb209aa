import { DatalabError } from "../../errors.ts";
import { lastLines, ProgramMissing, run } from "../process.ts";

/** Reads something from a stack with the Pulumi CLI and returns what it printed. */
export async function pulumiRead(project: string, stack: string, args: readonly string[]): Promise<string> {
  const ran = await run("pulumi", [...args, "--stack", stack, "--non-interactive"], {
    cwd: project,
    env: { PULUMI_SKIP_UPDATE_CHECK: "true" },
  }).catch((error: unknown) => {
    if (!(error instanceof ProgramMissing)) throw error;
    throw new DatalabError("E_PULUMI_MISSING", "The Pulumi CLI was not found.", {
      hint: "Run this through ./datalab, which sets the path, or ./setup.sh, which installs it.",
    });
  });
  if (ran.code === 0) return ran.stdout;
  throw pulumiError(ran.stderr, stack);
}

/** The stack has never been deployed, or has been destroyed. */
export function notDeployed(stack: string): DatalabError {
  return new DatalabError("E_NOT_DEPLOYED", `The stack ${stack} is not deployed.`, {
    hint: `./datalab up --stack ${stack}`,
  });
}

/** What the engine's complaint means for people. */
export function pulumiError(stderr: string, stack: string): DatalabError {
  if (/no stack named|no previous deployment|does not have output property/i.test(stderr))
    return notDeployed(stack);
  if (/incorrect passphrase/i.test(stderr)) {
    return new DatalabError("E_PASSPHRASE", `The passphrase does not open the secrets of stack ${stack}.`, {
      hint: "Restore the file .datalab/passphrase that the stack was created with.",
    });
  }
  if (/PULUMI_CONFIG_PASSPHRASE|passphrase must be set|passphrase.*no such file/is.test(stderr)) {
    return new DatalabError("E_PASSPHRASE", `No passphrase is set for stack ${stack}.`, {
      hint: 'Run this through ./datalab, or eval "$(./datalab env)" first.',
    });
  }
  const words = lastLines(stderr, 3).replace(/^error: /, "");
  return new DatalabError("E_PULUMI", `Pulumi failed: ${words || "it gave no reason"}`);
}
