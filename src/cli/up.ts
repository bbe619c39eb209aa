import type { UpResult } from "../ops/up.ts";
import { interruptible } from "./interrupt.ts";
import { type AnyCommand, contextOf, examples } from "./options.ts";
import { onStdout, print, printJson, say, stateText, table } from "./output.ts";
import { createReporter } from "./progress.ts";

export function register(program: AnyCommand): void {
  const up = program
    .command("up")
    .description("Bring a stack up: images, resources, then wait until every functional check has passed.")
    .action(async (_options, command) => {
      const { stack, project, json, verbose } = contextOf(command);
      const signal = interruptible();
      const reporter = createReporter();
      const setupSeconds = Number(process.env.DATALAB_SETUP_SECONDS ?? 0); // the launcher's word
      const [operation, { describeChanges }] = await Promise.all([
        import("../ops/up.ts"),
        import("../ops/up-words.ts"),
      ]);
      try {
        const result = await operation.up({
          project,
          stack,
          reporter,
          signal,
          setupSeconds,
          ...(verbose && { onEngineLine: (line: string) => reporter.log(line) }),
        });
        reporter.close();
        if (json) printJson(summary(result));
        else print(await upText(result, describeChanges(result.changes)));
        if (!json) say(nextSteps(stack));
      } finally {
        reporter.close();
      }
    });
  examples(up, [
    ["./datalab up", "bring the dev stack up"],
    ["./datalab up --verbose", "with everything the engine says"],
    ["./datalab up --stack team-a", "another stack"],
  ]);
}

/** `datalab up --json`. */
export function summary({ platform, health, changes, seconds }: UpResult) {
  return {
    stack: platform.stack,
    target: platform.target,
    release: platform.release,
    changes,
    seconds,
    services: platform.services.map(({ name, endpoints }) => ({
      name,
      state: health.services.find((s) => s.name === name)?.state ?? "down",
      endpoints: endpoints
        .filter(({ url }) => url !== null)
        .map((e) => ({ name: e.name, url: e.url, login: e.login })),
    })),
  };
}

/** The table that ends an up: service, state, URL, how to log in. */
export async function upText({ platform, health, seconds }: UpResult, changes: string): Promise<string> {
  const rows = platform.services.flatMap((service) => {
    const state = health.services.find(({ name }) => name === service.name)?.state ?? "down";
    const published = service.endpoints.filter(({ url }) => url !== null);
    const lines = published.length > 0 ? published : [undefined];
    return lines.map((endpoint, i) => [
      i === 0 ? service.name : "",
      i === 0 ? stateText(state) : "",
      endpoint?.url ?? "",
      endpoint ? endpoint.summary : "",
      endpoint?.login
        ? `${endpoint.login.user}, password: ./datalab secrets show ${endpoint.login.secret}`
        : "",
    ]);
  });
  const time = (["setup", "images", "engine", "readiness"] as const)
    .map((phase) => `${phase === "setup" ? "set-up" : phase} ${seconds[phase].toFixed(1)} s`)
    .join(", ");
  return [
    "",
    await table(["SERVICE", "STATE", "URL", "WHAT", "LOGIN"], rows),
    "",
    `${onStdout("bold", changes)} in ${seconds.total.toFixed(1)} s (${time})`,
  ].join("\n");
}

function nextSteps(stack: string): string {
  const option = stack === "dev" ? "" : ` --stack ${stack}`;
  return [
    "",
    "Next:",
    `  ./datalab data ingest FILE TABLE${option}`,
    `  ./datalab pipelines run medallion_etl --wait${option}`,
    `  ./datalab data list-tables${option}`,
  ].join("\n");
}
