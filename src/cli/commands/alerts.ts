import type { AlertEntry } from "../../core/alerts.ts";
import { platformCore } from "../../ops/services/core-client.ts";
import { readPlatform } from "../../ops/services/platform.ts";
import { type AnyCommand, contextOf, examples, wholeNumber } from "../terminal/options.ts";
import { ago, onStderr, onStdout, print, printJson, say, table } from "../terminal/output.ts";

const formats = { critical: "red", warning: "yellow", info: "cyan" } as const;
/** A heartbeat comes every 30 s: after this long, alerts are likely to be lost. */
const silentAfterMs = 3 * 60_000;

export function register(program: AnyCommand): void {
  const alerts = program
    .command("alerts")
    .description("Show active alerts, and the last ones that started or ended.")
    .option("-n, --last <count>", "number of recent changes", wholeNumber("--last", 0), 20)
    .action(async (options, command) => {
      const { stack, project, json } = contextOf(command);
      const platform = await readPlatform(project, stack);
      const report = await platformCore(project, platform).alerts();
      const recent = report.recent.slice(0, options.last);
      if (json) return printJson({ ...report, recent });
      const head = ["alert", "severity", "service", "since", "what"];
      if (report.active.length === 0) say(`${onStderr("green", "✔")} No alert is active.`);
      else print(await table(head, report.active.map(activeCells)));
      const { heartbeat } = report;
      if (heartbeat === null || Date.now() - Date.parse(heartbeat) > silentAfterMs) {
        const last = heartbeat === null ? "none has arrived yet" : `the last one arrived ${ago(heartbeat)}`;
        say(`${onStderr("yellow", "!")} Alerts may not arrive. Prometheus sends a heartbeat: ${last}.`);
        if (heartbeat === null) say("  A stack without Prometheus and Alertmanager has no alerts.");
      }
      if (recent.length > 0) {
        print("");
        print(await table(["when", "change", ...head.slice(0, 3), "what"], recent.map(changeCells)));
      }
    });
  examples(alerts, [
    ["./datalab alerts", "a table"],
    ["./datalab alerts --json", "the same with every label, for programs"],
  ]);
}

const severity = (text: string) =>
  text in formats ? onStdout(formats[text as keyof typeof formats], text) : text;

function activeCells(entry: AlertEntry) {
  return [entry.alert, severity(entry.severity), entry.service, ago(entry.startsAt), entry.summary];
}

function changeCells(entry: AlertEntry) {
  const change = entry.status === "firing" ? onStdout("red", "began") : onStdout("green", "ended");
  return [ago(entry.at), change, entry.alert, severity(entry.severity), entry.service, entry.summary];
}
