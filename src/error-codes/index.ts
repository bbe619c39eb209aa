import { commandCodes } from "./command.ts";
import { backupCodes, httpCodes, migrationCodes, releaseCodes } from "./data.ts";
import { engineCodes } from "./engine.ts";
import { type ErrorEntries, type ErrorEntry, type ExitCode, exit } from "./entry.ts";
import { fileCodes, lakeCodes } from "./lake.ts";
import { clusterCodes, dockerCodes } from "./machine.ts";
import { coreCodes, pipelineCodes } from "./services.ts";

export type { ErrorEntries } from "./entry.ts";

/** By area, as docs/errors.md shows them. */
export const errorAreas: readonly { readonly title: string; readonly codes: ErrorEntries }[] = [
  { title: "Command line and configuration", codes: commandCodes },
  { title: "Engine, stack and deployment", codes: engineCodes },
  { title: "Docker and images", codes: dockerCodes },
  { title: "Clusters", codes: clusterCodes },
  { title: "Core and logs", codes: coreCodes },
  { title: "Pipelines and notebooks", codes: pipelineCodes },
  { title: "Files that are ingested", codes: fileCodes },
  { title: "Tables, queries and the object store", codes: lakeCodes },
  { title: "Backups", codes: backupCodes },
  { title: "Another engine for the object store", codes: migrationCodes },
  { title: "Releases and promotion", codes: releaseCodes },
  { title: "Answers over HTTP", codes: httpCodes },
];

/** Every code of the command line, the Python library, the core and the gateway. */
export const errorCodes = {
  ...commandCodes,
  ...engineCodes,
  ...dockerCodes,
  ...clusterCodes,
  ...coreCodes,
  ...pipelineCodes,
  ...fileCodes,
  ...lakeCodes,
  ...backupCodes,
  ...migrationCodes,
  ...releaseCodes,
  ...httpCodes,
} as const satisfies ErrorEntries;

export type ErrorCode = keyof typeof errorCodes;

export const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(errorCodes, text);

/** How a command ends with this error, where the error does not say so itself. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  const entry: ErrorEntry = errorCodes[code];
  return entry.exit ?? exit.failure;
}
