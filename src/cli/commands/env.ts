import { DatalabError } from "../../errors.ts";
import { type AnyCommand, examples } from "../terminal/options.ts";

/** The launcher answers `env` itself; this stands here for help, and for who calls it with more words. */
export function register(program: AnyCommand): void {
  const env = program
    .command("env")
    .description("Print the variables with which plain pulumi works on this project.")
    .action(() => {
      throw new DatalabError("E_USAGE", "env takes no options, and is answered by ./datalab itself", {
        hint: 'eval "$(./datalab env)"',
      });
    });
  examples(env, [['eval "$(./datalab env)"; pulumi preview --stack dev', "use Pulumi directly"]]);
}
