import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { isMap, parseDocument } from "yaml";
import { stackFile } from "./load.ts";

/** A stack's file before a change, so that it can be put back as it was. */
export interface Edited {
  readonly file: string;
  undo(): void;
}

type Path = readonly string[];
type Value = string | number | boolean;

/** Sets several fields of `datalab:platform` at once; see setPlatformField. */
export function setPlatformFields(
  project: string,
  stack: string,
  fields: readonly (readonly [path: Path, value: Value])[],
): Edited {
  const file = stackFile(project, stack);
  const before = existsSync(file) ? readFileSync(file, "utf8") : "";
  const after = fields.reduce((text, [path, value]) => withField(text, path, value), before);
  if (after !== before) write(file, after);
  return { file, undo: () => write(file, before) };
}

/** A field of any form; undefined removes it. */
export type Field = readonly [path: Path, value: unknown];

/** Sets and removes fields of any form; comments and the order of all other fields stay. */
export function setPlatformValues(project: string, stack: string, fields: readonly Field[]): Edited {
  const file = stackFile(project, stack);
  const before = existsSync(file) ? readFileSync(file, "utf8") : "";
  const after = fields.reduce((text, [path, value]) => withValue(text, path, value), before);
  if (after !== before) write(file, after);
  return { file, undo: () => write(file, before) };
}

export function withValue(text: string, path: Path, value: unknown): string {
  const isPlain = value === null || ["string", "number", "boolean"].includes(typeof value);
  if (isPlain) return withField(text, path, value as Value);
  const document = parseDocument(text);
  const full = ["config", "datalab:platform", ...path];
  if (value !== undefined) {
    // A list or a mapping: created like a plain value, then filled.
    const made = parseDocument(withField(text, path, ""));
    made.setIn(full, made.createNode(value));
    return made.toString({ lineWidth: 0 });
  }
  if (!document.hasIn(full)) return text;
  document.deleteIn(full);
  // Empty parents are removed too, except the platform's object.
  for (let length = full.length - 1; length > 2; length--) {
    const parent = document.getIn(full.slice(0, length), true);
    if (!isMap(parent) || parent.items.length > 0) break;
    document.deleteIn(full.slice(0, length));
  }
  return document.toString({ lineWidth: 0 });
}

/**
 * Sets one field of `datalab:platform` in Pulumi.<stack>.yaml; comments and the order of all other fields
 * stay.
 */
export function setPlatformField(project: string, stack: string, path: Path, value: Value): Edited {
  return setPlatformFields(project, stack, [[path, value]]);
}

export function withField(text: string, path: Path, value: Value): string {
  const document = parseDocument(text);
  const full = ["config", "datalab:platform", ...path];
  if (document.getIn(full) === value) return text;
  // A key without a value, such as `services:`, is not a mapping yet.
  for (let length = 0; length < full.length; length++) {
    const parent = full.slice(0, length);
    const node = length === 0 ? document.contents : document.getIn(parent, true);
    if (!isMap(node)) {
      const rest = full.slice(length).reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
      if (length === 0) document.contents = document.createNode(rest) as typeof document.contents;
      else document.setIn(parent, document.createNode(rest));
      return document.toString({ lineWidth: 0 });
    }
    // `{}` on one line grows into a block.
    if (node.items.length === 0) node.flow = false;
  }
  document.setIn(full, value);
  return document.toString({ lineWidth: 0 });
}

/** A concurrent reader sees either the old file or the new one. */
function write(file: string, text: string): void {
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, text);
  renameSync(draft, file);
}
