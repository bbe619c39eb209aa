import { spawn } from "node:child_process";
import { exit } from "../../errors.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";

export function register(program: AnyCommand): void {
  const test = program
    .command("test [suites...]")
    .description(
      "Run the project's tests: lint, types, unit, manifests, go, python, acceptance. Without a name, all suites run.",
    )
    .action(async (suites: string[], _options, command) => {
      const { project } = contextOf(command);
      const child = spawn("bash", ["tests/run", ...suites], { cwd: project, stdio: "inherit" });
      process.exitCode = await new Promise<number>((resolve) => {
        child.on("close", (code) => resolve(code ?? exit.interrupted));
      });
    });
  examples(test, [
    ["./datalab test", "everything, on real containers"],
    ["./datalab test lint types unit", "suites that need no Docker"],
  ]);
}
