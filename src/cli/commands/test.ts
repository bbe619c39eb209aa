import { spawn } from "node:child_process";
import { exit } from "../../errors.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";

export function register(program: AnyCommand): void {
  const test = program
    .command("test [suites...]")
    .description(
      "Run the project's tests: lint, types, unit, manifests, go, python, acceptance. Without a name, all suites run.",
    )
    .option("--all", "run the long tests too: drills, repeated kills, second engines, load")
    .option("--list", "list which tests run by default and which only with --all; run nothing")
    .action(async (suites: string[], { all, list }, command) => {
      const { project } = contextOf(command);
      const options = [...(all ? ["--all"] : []), ...(list ? ["--list"] : [])];
      const child = spawn("bash", ["tests/run", ...options, ...suites], { cwd: project, stdio: "inherit" });
      process.exitCode = await new Promise<number>((resolve) => {
        child.on("close", (code) => resolve(code ?? exit.interrupted));
      });
    });
  examples(test, [
    ["./datalab test", "every suite, on real containers"],
    ["./datalab test --all", "with the long tests: before a release, and every night"],
    ["./datalab test unit --list", "which unit test is in which tier"],
    ["./datalab test lint types unit", "suites that need no Docker"],
  ]);
}
