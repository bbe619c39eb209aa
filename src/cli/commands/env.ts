import { DatalabError } from "../../errors.ts";
import { type AnyCommand, examples } from "../terminal/options.ts";

/** The launcher handles `env` itself; this command is only for help, and for calls with arguments. */
export function register(program: AnyCommand): void {
  const env = program
    .command("env")
    .description("Print the environment variables that plain pulumi needs in this project.")
    .action(() => {
      throw new DatalabError("E_USAGE", "env takes no options", {
        hint: 'eval "$(./datalab env)"',
      });
    });
  examples(env, [['eval "$(./datalab env)"; pulumi preview --stack dev', "use Pulumi directly"]]);
}
