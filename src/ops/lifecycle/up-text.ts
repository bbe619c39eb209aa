/** What an up tells people. */
import { DatalabError } from "../../errors.ts";
import type { Health } from "../services/core-client.ts";
import type { WorkloadFailure } from "../target.ts";

/** What people are told of while it happens. */
export const stepTexts: Readonly<Record<string, string>> = {
  create: "creating",
  "create-replacement": "creating",
  "delete-replaced": "removing",
  delete: "removing",
  update: "updating",
};

export function cannotStart({
  workload,
  exitCode,
  log,
  reason,
  events = [],
  more,
}: WorkloadFailure): DatalabError {
  const why = reason ?? `its process ended with exit code ${exitCode}`;
  const parts = [`${workload} can't start: ${why}.`];
  if (events.length > 0) parts.push(`Events of the cluster:\n${indent(events.join("\n"))}`);
  if (log !== "" || events.length === 0) parts.push(`Its last lines:\n${indent(log)}`);
  return new DatalabError("E_START", parts.join(events.length > 0 ? "\n" : " "), {
    hint: `Fix the cause and run ./datalab up again. For details: ${more}`,
  });
}

const indent = (text: string): string => text.replace(/^/gm, "    ");

export function notReady(
  stack: string,
  health: Health | undefined,
  pending: ReadonlySet<string>,
  seconds: number,
): DatalabError {
  const failing = health?.services
    .filter(({ name }) => pending.has(name))
    .flatMap(({ name, checks }) =>
      checks.filter(({ ok }) => !ok).map((c) => `${name} ${c.name}: ${c.message ?? "failed"}`),
    );
  return new DatalabError(
    "E_NOT_READY",
    `After ${seconds} s these checks still fail:\n${(failing ?? ["the core does not answer"]).map((line) => `    ${line}`).join("\n")}`,
    { hint: `./datalab services logs --stack ${stack} shows their logs.` },
  );
}

export function describePending(health: Health, pending: ReadonlySet<string>): string {
  return health.services
    .filter(({ name }) => pending.has(name))
    .map(
      ({ name, checks }) =>
        `${name} (${checks
          .filter(({ ok }) => !ok)
          .map((c) => c.name)
          .join(", ")})`,
    )
    .join(", ");
}

/** `2 created, 1 replaced`, or `0 changes`. */
export function describeChanges(changes: Readonly<Record<string, number>>): string {
  const verbs: Record<string, string> = {
    create: "created",
    update: "updated",
    replace: "replaced",
    delete: "deleted",
  };
  const made = Object.entries(verbs).flatMap(([op, word]) => (changes[op] ? [`${changes[op]} ${word}`] : []));
  return made.length === 0 ? "0 changes" : made.join(", ");
}
