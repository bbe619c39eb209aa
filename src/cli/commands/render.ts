import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { print, printJson, say } from "../terminal/output.ts";

export function register(program: AnyCommand): void {
  const render = program
    .command("render")
    .description(
      "Write the manifests of a stack in a cluster as plain YAML, without its secrets. Asks no cluster.",
    )
    .requiredOption("--out <folder>", "folder for the files; those of an earlier time are replaced")
    .action(async (options, command) => {
      const { stack, project, json } = contextOf(command);
      const { render } = await import("../../ops/render/render.ts");
      const result = await render({ project, stack, out: options.out });
      if (json) return printJson(result);
      print(`Wrote ${result.files.length} manifests to ${result.folder}.`);
      say(
        `order.txt says in which order; secrets.txt names the ${result.secrets.length} Secrets to provide.`,
      );
    });
  examples(render, [
    ["./datalab render --stack staging --out manifests", "for GitOps, linters and reviews"],
    ["kubeconform -strict manifests/*.yaml", "check them"],
  ]);
}
