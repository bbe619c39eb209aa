import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { declare } from "../../declare.ts";
import { DatalabError } from "../../errors.ts";
import { deriveSecret } from "../../model/derive.ts";
import type { PlatformModel } from "../../model/platform.ts";
import { externalKey } from "../../model/refs.ts";
import { stackValues } from "../engine/stack.ts";
import { type Manifest, manifestsOf, notesOf, orderFile } from "./manifests.ts";

export interface RenderOptions {
  readonly project: string;
  readonly stack: string;
  /** Folder that the files are written to. */
  readonly out: string;
  /** @default the program of this project */
  readonly program?: () => Promise<unknown>;
}

export interface Rendered {
  readonly stack: string;
  readonly folder: string;
  /** In the order in which they can be applied. */
  readonly files: readonly string[];
  readonly secrets: readonly string[];
}

/** Stands for the master secret: what is derived from it is in no file, and would open nothing. */
const madeUp = "rendered-manifests-hold-no-secret-of-any-stack";
const plainKeys = ["datalab:tlsCertificate", "datalab:tlsAuthority"];

/**
 * Writes what a stack of a cluster declares as plain YAML, a file an object, without anything secret. Asks no
 * cluster.
 */
export async function render(options: RenderOptions): Promise<Rendered> {
  const { project, stack } = options;
  const { model, environment } = declare(project, stack);
  if (model.cluster === null) {
    throw new DatalabError(
      "E_NO_CLUSTER",
      `The stack ${stack} does not run in a cluster, so it has no manifests.`,
      {
        hint: "Name a stack with target: kubernetes, such as --stack staging.",
      },
    );
  }
  const folder = resolve(options.out);
  const earlier = checkFolder(folder);
  const values = stackValues(project, stack);
  const external = environment.externalSecrets.map((name) => [
    `datalab:${externalKey(name)}`,
    `${madeUp}-${name}`,
  ]);
  const config: Record<string, string> = {
    "datalab:masterSecret": madeUp,
    "datalab:tlsKey": `${madeUp}-key`,
    ...Object.fromEntries(plainKeys.map((key) => [key, values.get(key) ?? "created by the first up"])),
    ...Object.fromEntries(external),
  };
  const { recordProgram } = await import("./record.ts");
  const program = options.program ?? (() => import("../../index.ts"));
  const recorded = await recordProgram(program, { stack, config, plain: plainKeys }).catch((error: Error) => {
    throw error.cause instanceof DatalabError ? error.cause : error;
  });
  const manifests = manifestsOf(recorded);
  checkNoSecret(
    model,
    manifests,
    Object.entries(config)
      .filter(([key]) => !plainKeys.includes(key))
      .map(([, v]) => v),
  );
  write(folder, earlier, {
    ...Object.fromEntries(manifests.map((m) => [m.file, m.text])),
    ...notesOf(stack, manifests),
  });
  return {
    stack,
    folder,
    files: manifests.map(({ file }) => file),
    secrets: manifests.filter(({ kind }) => kind === "Secret").map(({ name }) => name),
  };
}

/** Files of an earlier time; throws when the folder holds what was not written by this. */
function checkFolder(folder: string): readonly string[] {
  if (!existsSync(folder) || readdirSync(folder).length === 0) return [];
  const order = join(folder, orderFile);
  if (existsSync(order))
    return readFileSync(order, "utf8")
      .split("\n")
      .filter((file) => /^[a-z0-9.-]+\.yaml$/.test(file));
  throw new DatalabError(
    "E_RENDER",
    `--out: expected an empty folder, or one of an earlier render, received ${folder}`,
    {
      hint: "It contains other files, which could be confused with manifests.",
    },
  );
}

/** A second look, at the very text: neither as it is nor encoded may a secret of this run stand in it. */
function checkNoSecret(model: PlatformModel, manifests: readonly Manifest[], given: readonly string[]): void {
  const derived = model.secrets.map((secret) => deriveSecret(madeUp, model.stack, secret));
  const traces = [...given, ...derived].flatMap((value) => [value, Buffer.from(value).toString("base64")]);
  for (const { file, text } of manifests) {
    if (traces.some((trace) => text.includes(trace)))
      throw new Error(`${file} would contain a secret: nothing is written`);
  }
}

function write(folder: string, earlier: readonly string[], files: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true });
  for (const file of earlier) if (!(file in files)) rmSync(join(folder, file), { force: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
}
