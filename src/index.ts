import { join } from "node:path";
import { all, getStack, type Output, RunError } from "@pulumi/pulumi";
import { declare, masterChanged } from "./declare.ts";
import { DatalabError } from "./errors.ts";
import type { PlatformOutput } from "./outputs/platform.ts";
import { identityOf } from "./targets/identity.ts";
import { loadTarget } from "./targets/load.ts";

// The engine's SDK notes a stack trace for every promise, and its host maps each to sources: a third of a
// preview's time. Node runs our TypeScript with its own lines, so nothing needs mapping.
(Error as { prepareStackTrace?: unknown }).prepareStackTrace = undefined;

async function deploy(): Promise<Output<PlatformOutput>> {
  const { model } = declare(join(import.meta.dirname, ".."), getStack());
  // Where an error comes from is enough: hundreds of resources note ten lines for each promise (a tenth of a
  // preview).
  Error.stackTraceLimit = 1;
  const identity = identityOf(model);
  await checkMaster(identity.masterFingerprint);
  const platform = (await loadTarget(model.target)).deploy(model);
  return all([platform, identity.masterFingerprint]).apply(([described, fingerprint]) => ({
    ...described,
    ...identity,
    masterFingerprint: fingerprint,
  }));
}

/**
 * Stops before anything is declared when another master secret than the one that the stack was deployed with
 * would change every password. `datalab` passes the fingerprint that the state has.
 */
async function checkMaster(fingerprint: Output<string>): Promise<void> {
  const expected = process.env.DATALAB_MASTER_FINGERPRINT;
  if (!expected) return;
  const actual = await new Promise<string>((resolve) => void fingerprint.apply(resolve));
  if (actual !== expected) throw masterChanged(getStack());
}

/** The address book of the stack, see outputs/platform.ts. */
export const platform = await deploy().catch((error: unknown) => {
  if (!(error instanceof DatalabError)) throw error;
  // The engine shows the words; who runs the program without one takes the error itself.
  throw Object.assign(new RunError([error.message, error.hint].filter(Boolean).join("\n")), { cause: error });
});
