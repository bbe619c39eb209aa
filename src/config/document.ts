import { readFileSync } from "node:fs";
import { relative } from "node:path";
import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  type YAMLParseError,
} from "yaml";
import { ConfigError, type Problem } from "../errors.ts";

type Path = readonly (string | number)[];

/** A YAML or JSON file (JSON is YAML) that knows the position of each value. */
export interface SourceDocument {
  /** Relative to the project. */
  readonly file: string;
  readonly value: unknown;
  /** `file:line:col` of the value at a path, or of its nearest ancestor in the file. */
  locate(path: Path): string;
  /** `file:line:col` of a value; undefined if it is not in the file. */
  find(path: Path): string | undefined;
}

/** Reads a file; throws a ConfigError with every syntax error in it. */
export function readDocument(project: string, path: string): SourceDocument {
  const file = relative(project, path) || path;
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === "ENOENT" ? "no such file" : (error as Error).message;
    throw new ConfigError([{ path: [], message: `${file}: ${reason}` }]);
  }
  return parseSource(file, text);
}

export function parseSource(file: string, text: string): SourceDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "error" });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    // Later syntax errors usually only follow from the first one.
    const form = document.errors.find(({ code }) => code !== "DUPLICATE_KEY");
    const errors = document.errors.filter((error) => error === form || error.code === "DUPLICATE_KEY");
    throw new ConfigError(
      errors.map((error): Problem => ({ path: [], message: syntaxText(error, text), at: at(error.pos[0]) })),
    );
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    // Aliases are followed only here.
    const reason = (error as Error).message;
    const alias = /^Unresolved alias.*: (\S+)$/.exec(reason)?.[1];
    const message = alias
      ? `expected an anchor &${alias} before its alias, received none`
      : `expected YAML that can be read, received: ${lowerFirst(reason)}`;
    throw new ConfigError([{ path: [], message, at: at(Math.max(0, text.indexOf(`*${alias}`))) }]);
  }
  const find = (path: Path): string | undefined => {
    const offset = offsetOf(document, path);
    return offset === undefined ? undefined : at(offset);
  };
  return {
    file,
    value,
    find,
    locate(path) {
      for (let length = path.length; length > 0; length--) {
        const found = find(path.slice(0, length));
        if (found) return found;
      }
      return `${file}:1:1`;
    },
  };
}

function syntaxText(error: YAMLParseError, text: string): string {
  switch (error.code) {
    case "DUPLICATE_KEY": {
      const key = /^[^:\n]*/.exec(text.slice(error.pos[0]))?.[0].trim() ?? "";
      return `expected each key once, received ${JSON.stringify(key.replace(/^["']|["']$/g, ""))} a second time`;
    }
    case "TAB_AS_INDENT":
      return "expected spaces as indentation, received a tab";
    case "MULTIPLE_DOCS":
      return "expected one document, received a second one after ---";
    case "MISSING_CHAR":
    case "BAD_INDENT": {
      const close = /(?:end with a |Missing closing )([}\]"'])/.exec(error.message)?.[1];
      if (close) return `expected a closing ${close} before this, received none`;
      if (/same column/.test(error.message)) {
        return "expected the keys of a mapping in one column, received one in another";
      }
      return `expected YAML that can be read, received: ${lowerFirst(error.message)}`;
    }
    case "MULTILINE_IMPLICIT_KEY":
      return "expected a colon after the key, received none";
    default:
      return `expected YAML that can be read, received: ${lowerFirst(error.message)}`;
  }
}

const lowerFirst = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1);

/** Where the key of a mapping, or the item of a list, begins. */
function offsetOf(document: Document, path: Path): number | undefined {
  if (path.length === 0) return 0;
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (isMap(parent)) {
    const pair = parent.items.find(
      (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(last),
    );
    return pair && isNode(pair.key) ? pair.key.range?.[0] : undefined;
  }
  const node = document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : undefined;
}
