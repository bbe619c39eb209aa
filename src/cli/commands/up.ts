import type { UpResult } from "../../ops/lifecycle/up.ts";
import { gatewayName } from "../../outputs/core-service.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { onStdout, print, printJson, say, stateText, table } from "../terminal/output.ts";
import { createReporter } from "../terminal/progress.ts";

export function register(program: AnyCommand): void {
  const up = program
    .command("up")
    .description(
      "Deploy a stack: build images, create resources, wait until every functional check has passed.",
    )
    .option("--plan <file>", "apply exactly this saved plan, or nothing")
    .option(
      "--allow-data-loss <name>",
      "resource with data that may be deleted or replaced; may be repeated",
      (name: string, before: readonly string[]) => [...before, name],
      [] as readonly string[],
    )
    .option(
      "--new-master-secret",
      "deploy with another master secret: every password changes, and earlier backups need the old one",
    )
    .action(async (options, command) => {
      const { stack, project, json, verbose } = contextOf(command);
      const signal = interruptible();
      const reporter = createReporter();
      const setupSeconds = Number(process.env.DATALAB_SETUP_SECONDS ?? 0); // measured by the launcher
      const [operation, { describeChanges }, { handSetReader, handSetText }] = await Promise.all([
        import("../../ops/lifecycle/up.ts"),
        import("../../ops/lifecycle/up-text.ts"),
        import("../../ops/services/schedules.ts"),
      ]);
      const settings = handSetReader(project, stack);
      try {
        const result = await operation.up({
          project,
          stack,
          reporter,
          signal,
          setupSeconds,
          onDeployed: settings.prepare,
          allowDataLoss: options.allowDataLoss,
          newMaster: options.newMasterSecret === true,
          ...(options.plan !== undefined && { plan: options.plan }),
          ...(verbose && { onEngineLine: (line: string) => reporter.log(line) }),
        });
        const handSet = await settings.read(result.platform);
        reporter.close();
        if (json) printJson({ ...summary(result), setByHand: handSet });
        else print(await upText(result, describeChanges(result.changes)));
        for (const each of handSet) say(handSetText(each, stack));
        if (!json) say(nextSteps(result.platform));
      } finally {
        reporter.close();
      }
    });
  examples(up, [
    ["./datalab up", "deploy the dev stack"],
    ["./datalab up --verbose", "with the engine's full output"],
    ["./datalab up --stack team-a", "another stack"],
  ]);
}

/** `datalab up --json`. */
export function summary({ platform, health, recorded, changes, seconds }: UpResult) {
  return {
    stack: platform.stack,
    target: platform.target,
    release: platform.release,
    recorded,
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

/** The next steps, if the foundation exists and nothing runs in it. */
function nothingYet({ stack, aws }: UpResult["platform"], changes: string): string {
  const registry = aws?.registry ?? "REGISTRY";
  return [
    `\nThe foundation of ${stack} exists (${changes}), but nothing runs in it yet: its registry has no images. Next:`,
    `  ./datalab images push${option(stack)} --to ${registry}`,
    `  ./datalab up${option(stack)}`,
  ].join("\n");
}

/** The table at the end of an up: service, state, URL, login. */
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
      loginOf(platform, endpoint),
    ]);
  });
  if (rows.length === 0) return nothingYet(platform, changes);
  const one = oneLogin(platform);
  const time = (["setup", "images", "engine", "readiness"] as const)
    .map((phase) => `${phase === "setup" ? "set-up" : phase} ${seconds[phase].toFixed(1)} s`)
    .join(", ");
  return [
    "",
    await table(["SERVICE", "STATE", "URL", "WHAT", "LOGIN"], rows),
    ...(one
      ? [
          "",
          `One login opens every page: ${one.user}, password: ./datalab secrets show${option(platform.stack)} ${one.id}`,
        ]
      : []),
    "",
    `${onStdout("bold", changes)} in ${seconds.total.toFixed(1)} s (${time})`,
  ].join("\n");
}

const option = (stack: string): string => (stack === "dev" ? "" : ` --stack ${stack}`);

/** The gateway's login: that of the service whose token opens the platform. */
function oneLogin(platform: UpResult["platform"]): { id: string; user: string } | undefined {
  const gateway = gatewayName(platform);
  const found = platform.secrets.find(({ id, login }) => login !== null && id.startsWith(`${gateway}/`));
  return found?.login ? { id: found.id, user: found.login.user } : undefined;
}

type Endpoint = UpResult["platform"]["services"][number]["endpoints"][number];

function loginOf(platform: UpResult["platform"], endpoint: Endpoint | undefined): string {
  if (endpoint?.auth === "gateway" && platform.core.token !== null) return "the platform's login";
  if (!endpoint?.login) return "";
  const { user, secret } = endpoint.login;
  return `${user}, password: ./datalab secrets show${option(platform.stack)} ${secret}`;
}

function nextSteps({ stack, pipelines }: UpResult["platform"]): string {
  const first = pipelines[0]?.name;
  return [
    "",
    "Next:",
    `  ./datalab data ingest FILE TABLE${option(stack)}`,
    ...(first ? [`  ./datalab pipelines run ${first} --wait${option(stack)}`] : []),
    `  ./datalab data list-tables${option(stack)}`,
  ].join("\n");
}
