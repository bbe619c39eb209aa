import { createInterface } from "node:readline/promises";
import { DatalabError } from "../../errors.ts";

/** Asks before an irreversible action. `--yes` answers the question; without a terminal it is an error. */
export async function confirm(question: string, options: { readonly yes: boolean }): Promise<boolean> {
  if (options.yes) return true;
  if (!process.stdin.isTTY) {
    throw new DatalabError("E_CONFIRM", `${question} There is no terminal for the answer.`, {
      hint: "Pass --yes to confirm.",
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/**
 * Asks for a typed name before the most dangerous actions. `--confirm NAME` answers the question, `--yes`
 * does not.
 */
export async function confirmByName(
  question: string,
  name: string,
  options: { readonly given?: string | undefined },
): Promise<boolean> {
  if (options.given !== undefined) return options.given === name;
  if (!process.stdin.isTTY) {
    throw new DatalabError("E_CONFIRM", `${question} There is no terminal to type the name on.`, {
      hint: `Pass --confirm ${name}.`,
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(`${question} Type its name to continue: `)).trim() === name;
  } finally {
    terminal.close();
  }
}
