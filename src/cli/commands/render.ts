import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { print, printJson, say } from "../terminal/output.ts";

export function register(program: AnyCommand): void {
  const render = program
    .command("render")
    .description(
      "Write the manifests of a stack in a cluster as plain YAML, without its secrets. Needs no cluster.",
    )
    .requiredOption("--out <folder>", "folder for the files; files of an earlier render are replaced")
    .action(async (options, command) => {
      const { stack, project, json } = contextOf(command);
      const { render } = await import("../../ops/render/render.ts");
      const result = await render({ project, stack, out: options.out });
      if (json) return printJson(result);
      print(`Wrote ${result.files.length} manifests to ${result.folder}.`);
      say(
        `order.txt lists them in the order to apply; secrets.txt names the ${result.secrets.length} Secrets to provide.`,
      );
    });
  examples(render, [
    ["./datalab render --stack staging --out manifests", "for GitOps, linters and reviews"],
    ["kubeconform -strict manifests/*.yaml", "check them"],
  ]);
}
