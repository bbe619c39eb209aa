import { createInterface } from "node:readline/promises";
import { DatalabError } from "../../errors.ts";

/** Asks before something that can't be undone. `--yes` answers it; without a terminal nothing is assumed. */
export async function confirm(question: string, options: { readonly yes: boolean }): Promise<boolean> {
  if (options.yes) return true;
  if (!process.stdin.isTTY) {
    throw new DatalabError("E_CONFIRM", `${question} There is no terminal to answer on.`, {
      hint: "Pass --yes to answer with yes.",
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** Asks for a name to be typed, before something that is worse than most. `--yes` does not answer it; `--confirm NAME` does. */
export async function confirmByName(
  question: string,
  name: string,
  options: { readonly given?: string | undefined },
): Promise<boolean> {
  if (options.given !== undefined) return options.given === name;
  if (!process.stdin.isTTY) {
    throw new DatalabError("E_CONFIRM", `${question} There is no terminal to type its name on.`, {
      hint: `Pass --confirm ${name}.`,
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(`${question} Type its name to go on: `)).trim() === name;
  } finally {
    terminal.close();
  }
}
