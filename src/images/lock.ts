/** The lock file: every version and digest that images and set-up use. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** What `lock.json` holds. */
export interface Lock {
  readonly debian: { readonly suite: string; readonly image: string; readonly digest: string };
  readonly node: { readonly version: string; readonly npm: Readonly<Record<string, string>> };
  readonly go: { readonly minimum: string; readonly toolchain: string };
  /** Programs compiled from Go modules, by the name of the binary. A new one is one entry here. */
  readonly programs: Readonly<Record<string, GoProgram>>;
  /** Programs compiled from Go modules of this repository: the folder of each. */
  readonly ownPrograms: Readonly<Record<string, string>>;
  readonly postgresql: { readonly major: string };
  readonly python: { readonly minor: string };
  readonly uv: { readonly version: string };
  readonly spark: SparkLock;
  readonly pulumi: { readonly cli: string; readonly plugins: Readonly<Record<string, string>> };
}

/** A Go command: the module version to compile. */
export interface GoProgram {
  readonly module: string;
  readonly version: string;
  /** The command's folder in the module. @default "." */
  readonly package?: string;
  /**
   * The module calls itself by another name: `go install` refuses it, so that its source is compiled in
   * place.
   */
  readonly source?: boolean;
  readonly tags?: string;
}

/** Spark's own archive, and the jars beside it. */
export interface SparkLock {
  readonly version: string;
  readonly sha256: string;
  readonly java: string;
  /** sha256 by Maven coordinates. */
  readonly jars: Readonly<Record<string, string>>;
}

const projectRoot = resolve(import.meta.dirname, "../..");

/** Reads the lock file. `root` is the project's folder. */
export function readLock(root: string = projectRoot): Lock {
  return JSON.parse(readFileSync(join(root, "src/images/lock.json"), "utf8")) as Lock;
}
