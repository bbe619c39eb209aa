import { readPlatformAndCredentials } from "../../ops/services/credentials.ts";
import { readPlatform } from "../../ops/services/platform.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { onStderr, print, printJson, say, table } from "../terminal/output.ts";

/** Everything on standard input; on a terminal, up to Ctrl-D. */
async function readStdin(): Promise<string> {
  if (process.stdin.isTTY) say("Enter the value, then press Ctrl-D on an empty line:");
  process.stdin.setEncoding("utf8");
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  return text.trim();
}

export function register(program: AnyCommand): void {
  const secrets = program.command("secrets").description("List, show and set secrets.");

  const list = secrets
    .command("list")
    .description("List the logins of the stack: user and what each opens, without values.")
    .option("-a, --all", "also list secrets that only services use")
    .action(async (options, command) => {
      const { stack, project, json } = contextOf(command);
      const platform = await readPlatform(project, stack, { stateAlone: true });
      const rows = platform.secrets
        .filter(({ login }) => options.all || login !== null)
        .map(({ id, version, login }) => ({
          id,
          version,
          user: login?.user ?? null,
          opens: login?.opens ?? null,
        }));
      if (json) return printJson(rows);
      print(
        await table(
          ["secret", "user", "opens", "version"],
          rows.map((row) => [row.id, row.user, row.opens, row.version]),
        ),
      );
      say("./datalab secrets show SECRET prints one.");
    });
  examples(list, [["./datalab secrets list", "a table"]]);

  const set = secrets
    .command("set")
    .argument("<name>", "name of the secret, for example slack-url")
    .description("Read an external secret from standard input and store it encrypted in the stack's file.")
    .action(async (name, _options, command) => {
      const { stack, project, json } = contextOf(command);
      const { setExternalSecret } = await import("../../ops/engine/external-secrets.ts");
      const { withStackLock } = await import("../../ops/stack-lock.ts");
      const value = await readStdin();
      await withStackLock({ project, stack }, "datalab secrets set", () =>
        setExternalSecret(project, stack, name, value),
      );
      if (json) printJson({ name });
      else
        say(
          `${onStderr("green", "✔")} ${name} is stored in Pulumi.${stack}.yaml; the next up passes it to its services.`,
        );
    });
  examples(set, [
    ["./datalab secrets set slack-url < url.txt", "a secret that services.alertmanager.options.routes names"],
  ]);

  const hash = secrets
    .command("hash-password")
    .description(
      "Read a password from standard input and print its hash, for services.gateway.options.users.",
    )
    .action(async (_options, command) => {
      const { hashPassword } = await import("../../ops/password.ts");
      const value = await hashPassword(await readStdin());
      if (contextOf(command).json) printJson({ hash: value });
      else print(value);
    });
  examples(hash, [["./datalab secrets hash-password < password.txt", "for an additional user"]]);

  const show = secrets
    .command("show")
    .argument("<id>", "id of the secret, for example prefect/admin")
    .description("Print the value of one secret.")
    .action(async (id, _options, command) => {
      const { stack, project, json } = contextOf(command);
      const { platform, credentials } = await readPlatformAndCredentials(project, stack, {
        stateAlone: true,
      });
      const value = credentials.value(id);
      const user = platform.secrets.find((secret) => secret.id === id)?.login?.user ?? null;
      if (process.stdout.isTTY) {
        say(`${onStderr("yellow", "!")} This is a secret: it is now on your screen and in its scrollback.`);
        if (user !== null) say(`  The user is ${user}.`);
      }
      if (json) printJson({ id, user, value });
      else print(value);
    });
  examples(show, [
    ["./datalab secrets show prefect/admin", "the password of Prefect's admin"],
    ["./datalab secrets show prefect/admin | wl-copy", "to the clipboard, not to the screen"],
  ]);
}
