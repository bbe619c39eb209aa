export const levels = ["debug", "info", "warning", "error", "critical"] as const;
export type Level = (typeof levels)[number];

const words: Readonly<Record<string, Level>> = {
  ...{ trace: "debug", trc: "debug", debug: "debug", dbg: "debug", verbose: "debug" },
  ...{ info: "info", inf: "info", information: "info", notice: "info", log: "info" },
  ...{ warn: "warning", wrn: "warning", warning: "warning" },
  ...{ error: "error", err: "error", severe: "error" },
  ...{
    critical: "critical",
    crit: "critical",
    fatal: "critical",
    panic: "critical",
    alert: "critical",
    emerg: "critical",
  },
};

/** `"level":"warn"`, also `severity`, `levelname`, `lvl`; or a number as pino writes it. */
const inJson = /"(?:level|levelname|severity|lvl|log\.level)"\s*:\s*(?:"(\w+)"|(\d+))/i;
/** `level=warn` */
const logfmt = /\b(?:level|lvl|severity)="?(\w+)"?/i;
/** `[W 2026-01-01 ...` of Jupyter, `W0123 10:11:12` of klog. */
const oneLetter = /^(?:\[([DIWEC]) \d{4}-|([IWEF])\d{4} \d\d:)/;
const letters: Readonly<Record<string, Level>> = {
  ...{ D: "debug", I: "info", W: "warning", E: "error", C: "critical", F: "critical" },
};
/** A word in capitals, or one between tabs, bars or brackets, near the beginning. */
const capitals =
  /\b(TRACE|DEBUG|INFO|NOTICE|LOG|WARN|WARNING|ERROR|SEVERE|CRITICAL|FATAL|PANIC)\b|[\t|[] *(trace|debug|info|notice|warn|warning|error|crit|critical|fatal|panic|alert|emerg) *[\t|\]]/;
/** Lines that go on with the one before: indented, the frames of a stack trace, PostgreSQL's details. */
const continuation =
  /^(?:\s|Traceback \(|Caused by:|During handling of|The above exception|\w[\w.]*(?:Error|Exception)\b)|\b(?:DETAIL|HINT|CONTEXT|STATEMENT|QUERY): /;
const near = 120;

/**
 * What a line says about its weight; what says nothing is `info`, and what continues a line weighs as much as
 * that.
 */
export function levelOf(text: string, before: Level | undefined): Level {
  const head = text.length > near ? text.slice(0, near) : text;
  if (text.startsWith("{")) {
    const [, word, number] = inJson.exec(text.slice(0, 2048)) ?? [];
    if (word) return words[word.toLowerCase()] ?? "info";
    if (number) return ofNumber(Number(number));
  }
  const letter = oneLetter.exec(head);
  if (letter) return letters[letter[1] ?? letter[2] ?? "I"] ?? "info";
  if (continuation.test(head)) {
    // The name of an exception in front of a line is an error, wherever it stands.
    const raised = /^(?:Traceback \(|Caused by:|\w[\w.]*(?:Error|Exception)\b)/.test(head);
    return raised && (before === undefined || before === "info" || before === "debug")
      ? "error"
      : (before ?? "info");
  }
  const word = capitals.exec(head) ?? logfmt.exec(head);
  return words[(word?.[1] ?? word?.[2] ?? "").toLowerCase()] ?? "info";
}

function ofNumber(number: number): Level {
  if (number >= 60) return "critical";
  if (number >= 50) return "error";
  if (number >= 40) return "warning";
  return number >= 30 ? "info" : "debug";
}
