import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { onStderr, print, printJson, say } from "../terminal/output.ts";

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;

export function register(program: AnyCommand): void {
  const config = program.command("config").description("Check and explain a stack's configuration.");

  const validate = config
    .command("validate")
    .description("Check the configuration, the service files and the pipelines. Touches nothing.")
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
    .description("Say what a value is, where it comes from, and what it means.")
    .action(async (path: string, _options, command) => {
      const { stack, project, json } = contextOf(command);
      const { declare } = await import("../../declare.ts");
      const { explain } = await import("../../config/explain.ts");
      const answer = explain(declare(project, stack).environment, path);
      if (json) printJson(answer);
      else {
        print(
          [
            `${answer.path} = ${JSON.stringify(answer.value)}`,
            `  from     ${answer.at ?? "the default"}${answer.preset ? `, the preset ${answer.preset}` : ""}`,
            ...(answer.summary ? [`  meaning  ${answer.summary}`] : []),
            ...(answer.default === undefined ? [] : [`  default  ${JSON.stringify(answer.default)}`]),
          ].join("\n"),
        );
      }
    });
  examples(why, [["./datalab config why services.prefect.ports.api", "value, origin, meaning"]]);

  const diff = config
    .command("diff <a> <b>")
    .description("Explain every difference of two stacks, and mark those that are accidents.")
    .action(async (a: string, b: string, _options, command) => {
      const { project, json } = contextOf(command);
      const { configDiff, configDiffText } = await import("../../ops/release/config-diff.ts");
      const found = configDiff(project, a, b);
      for (const { stack, reason } of found.unread)
        say(`${onStderr("yellow", "!")} Pulumi.${stack}.yaml can't be read and is left out: ${reason}`);
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
  examples(schema, [["./datalab config schema > datalab.schema.json", "then point your editor at it"]]);
}
