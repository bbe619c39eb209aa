import type { Explanation } from "../../config/explain.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { onStderr, print, printJson, say } from "../terminal/output.ts";

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;

export function register(program: AnyCommand): void {
  const config = program.command("config").description("Check and explain a stack's configuration.");

  const validate = config
    .command("validate")
    .description("Check the configuration, the service files and the pipelines. Changes nothing.")
    .action(async (_options, command) => {
      const { stack, project, json } = contextOf(command);
      const { declare } = await import("../../declare.ts");
      const { model } = declare(project, stack);
      if (json) printJson({ stack, valid: true });
      else
        print(
          `Pulumi.${stack}.yaml is valid: ${count(model.services.length, "service")}, ${count(model.pipelines.length, "pipeline")}.`,
        );
    });
  examples(validate, [
    ["./datalab config validate --stack staging", "all problems at once, with file:line:col"],
  ]);

  config
    .command("show")
    .description("Print the whole configuration with every default filled in.")
    .action(async (_options, command) => {
      const { stack, project, json } = contextOf(command);
      const { declare } = await import("../../declare.ts");
      const { environment } = declare(project, stack);
      if (json) printJson(environment.config);
      else print((await import("yaml")).stringify(environment.config));
    });

  const why = config
    .command("why <path>")
    .description("Show a value, where it is set, and what it means.")
    .action(async (path: string, _options, command) => {
      const { stack, project, json } = contextOf(command);
      const { declare } = await import("../../declare.ts");
      const { explain } = await import("../../config/explain.ts");
      const answer = explain(declare(project, stack).environment, path);
      if (json) printJson(answer);
      else print(whyText(answer));
    });
  examples(why, [["./datalab config why services.prefect.ports.api", "value, origin, meaning"]]);

  const diff = config
    .command("diff <a> <b>")
    .description("Explain every difference between two stacks, and mark probable accidents.")
    .action(async (a: string, b: string, _options, command) => {
      const { project, json } = contextOf(command);
      const { configDiff, configDiffText } = await import("../../ops/release/config-diff.ts");
      const found = configDiff(project, a, b);
      for (const { stack, reason } of found.unread)
        say(`${onStderr("yellow", "!")} Pulumi.${stack}.yaml can't be read and is skipped: ${reason}`);
      if (json) printJson(found);
      else print(configDiffText(found));
    });
  examples(diff, [["./datalab config diff dev prod", "path, both values, and where each is set"]]);

  const schema = config
    .command("schema")
    .description("Print the JSON Schema of Pulumi.<stack>.yaml, for editors.")
    .action(async () => {
      const { stackFileSchema } = await import("../../config/json-schema.ts");
      const { services } = await import("../../services/index.ts");
      process.stdout.write(`${JSON.stringify(stackFileSchema(services), undefined, 2)}\n`);
    });
  examples(schema, [["./datalab config schema > datalab.schema.json", "then select it in your editor"]]);
}

/** What `datalab config why` prints. */
export function whyText({ path, value, at, preset, summary, default: standard }: Explanation): string {
  return [
    `${path} = ${JSON.stringify(value)}`,
    `  from     ${at ?? "the default"}${preset ? `, the preset ${preset}` : ""}`,
    ...(summary ? [`  meaning  ${summary}`] : []),
    ...(standard === undefined ? [] : [`  default  ${JSON.stringify(standard)}`]),
  ].join("\n");
}
