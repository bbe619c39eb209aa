/**
 * What a JavaScript bundle is made of, found without running the bundler: the entry file, what it imports by
 * relative path, and the locked version of every package it reaches.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative } from "node:path";

const importPattern = /(?:\bfrom\s*|\bimport\s*\(?\s*)["']([^"'\n]+)["']/g;
const typeOnlyPattern = /^\s*(?:import|export)\s+type\b[^;]*?from\s*["'][^"'\n]+["'];?/gm;

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Lines that change exactly when the bundle would: one a source file, one a package. */
export function bundleInputs(root: string, entry: string): string[] {
  const sources = new Map<string, string>();
  const packages = new Set<string>(["esbuild"]);
  const visit = (path: string): void => {
    if (sources.has(path) || !existsSync(path)) return;
    const text = readFileSync(path, "utf8");
    sources.set(path, createHash("sha256").update(text).digest("hex"));
    if (!/\.[cm]?[jt]s$/.test(path)) return;
    for (const [, specifier = ""] of text.replace(typeOnlyPattern, "").matchAll(importPattern)) {
      if (specifier.startsWith(".")) visit(join(dirname(path), specifier));
      else if (!isBuiltin(specifier)) packages.add(packageName(specifier));
    }
  };
  visit(join(root, entry));
  const files = [...sources].map(([path, hash]) => `source ${relative(root, path)} ${hash}`);
  return [...files, ...lockedPackages(root, packages)].sort();
}

function packageName(specifier: string): string {
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? specifier);
}

function lockedPackages(root: string, wanted: Iterable<string>): string[] {
  const path = join(root, "package-lock.json");
  const locked: Record<string, LockedPackage> = existsSync(path)
    ? ((JSON.parse(readFileSync(path, "utf8")) as { packages?: Record<string, LockedPackage> }).packages ??
      {})
    : {};
  const lines = new Map<string, string>();
  const visit = (name: string, from: string): void => {
    const key = resolveLocked(locked, name, from);
    const entry = key === undefined ? undefined : locked[key];
    if (key === undefined || entry === undefined || lines.has(key)) return;
    lines.set(key, `package ${key} ${entry.version ?? "?"} ${entry.integrity ?? ""}`);
    for (const dependency of Object.keys(entry.dependencies ?? {})) visit(dependency, key);
  };
  for (const name of wanted) visit(name, "");
  return [...lines.values()];
}

/**
 * Node's resolution on the lock file's keys: the nearest `node_modules` going up from the package that asks.
 */
function resolveLocked(
  locked: Record<string, LockedPackage>,
  name: string,
  from: string,
): string | undefined {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf("/node_modules/")))) {
    const key = base === "" ? `node_modules/${name}` : `${base}/node_modules/${name}`;
    if (key in locked) return key;
    if (base === "") return undefined;
  }
}
