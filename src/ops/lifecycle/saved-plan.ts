import { createHash } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { stackFile } from "../../config/load.ts";
import { DatalabError } from "../../errors.ts";
import type { PlatformModel } from "../../model/platform.ts";
import { exportState } from "../engine/stack-state.ts";
import { releaseImages } from "../release/images.ts";
import { ordered } from "../release/record.ts";

/** What a plan was made for; it stands beside the plan, and the plan is good while all of it is still so. */
export interface PlanSeal {
  readonly format: 1;
  readonly stack: string;
  readonly at: string;
  /** Hash of the plan itself. */
  readonly plan: string;
  readonly state: string;
  readonly configuration: string;
  readonly images: string;
}

export const sealFile = (plan: string): string => `${plan}.seal.json`;

/** Writes what a plan was made for beside it. */
export async function sealPlan(
  project: string,
  model: PlatformModel,
  plan: string,
  now = new Date(),
): Promise<PlanSeal> {
  chmodSync(plan, 0o600); // it contains the configuration with encrypted secrets
  const world = await worldOf(project, model);
  const seal: PlanSeal = {
    format: 1,
    stack: model.stack,
    at: now.toISOString(),
    plan: hash(readFileSync(plan, "utf8")),
    ...world,
  };
  writeFileSync(sealFile(plan), `${JSON.stringify(seal, undefined, 2)}\n`, { mode: 0o600 });
  return seal;
}

const words = {
  state: "the stack was changed by another update",
  configuration: "the configuration, a service file or a pipeline was changed",
  images: "images were rebuilt or selected differently",
} as const;

/**
 * Throws E_PLAN when the plan is not for this stack, or the world has moved since it was made. Returns its
 * whole path.
 */
export async function checkPlan(project: string, model: PlatformModel, file: string): Promise<string> {
  const plan = resolve(file);
  if (!existsSync(plan) || !existsSync(sealFile(plan))) {
    throw refused(`${file}: the plan does not exist, or its seal ${sealFile(file)} is missing.`);
  }
  const seal = JSON.parse(readFileSync(sealFile(plan), "utf8")) as PlanSeal;
  if (seal.stack !== model.stack) {
    throw refused(`${file} is a plan for the stack ${seal.stack}, not for ${model.stack}.`);
  }
  if (seal.plan !== hash(readFileSync(plan, "utf8"))) {
    throw refused(`${file} does not match its seal ${sealFile(file)}.`);
  }
  const world = await worldOf(project, model);
  const moved = (Object.keys(words) as (keyof typeof words)[]).filter((key) => world[key] !== seal[key]);
  if (moved.length > 0) {
    throw refused(
      `${file} was made at ${seal.at} and is outdated:\n${moved.map((key) => `    ${words[key]}`).join("\n")}`,
    );
  }
  return plan;
}

function refused(message: string): DatalabError {
  return new DatalabError("E_PLAN", message, {
    hint: "Nothing was changed. Make a new one: ./datalab preview --save-plan FILE",
  });
}

async function worldOf(
  project: string,
  model: PlatformModel,
): Promise<Pick<PlanSeal, "state" | "configuration" | "images">> {
  const [state, images] = await Promise.all([stateHash(project, model.stack), releaseImages(model)]);
  const file = stackFile(project, model.stack);
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  return { state, configuration: hash({ text, model }), images: hash(images) };
}

/**
 * Hash of what the state says of every resource; that an update has run and changed nothing does not change
 * it.
 */
async function stateHash(project: string, stack: string): Promise<string> {
  const { resources = [] } = await exportState(project, stack);
  const told = resources.map(({ urn, id, inputs, outputs }) => ({ urn, id, inputs, outputs }));
  return hash(
    told
      .map(ordered)
      .map((resource) => JSON.stringify(resource))
      .sort(),
  );
}

const hash = (value: unknown): string =>
  createHash("sha256")
    .update(typeof value === "string" ? value : JSON.stringify(value))
    .digest("hex");
