import { readFileSync } from "node:fs";
import { matchesGlob } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { type Finding, tools } from "./linters.ts";

const skip = z.strictObject({
  tool: z.enum(tools),
  check: z.string().min(1),
  /** `<kind>/<name>`, with * for any name. */
  objects: z.array(z.string().regex(/^\w+\/./)).min(1),
  reason: z.string().min(30),
});
export type Skip = z.infer<typeof skip>;

export function readSkips(file: string): Skip[] {
  const read = z.array(skip).safeParse(parse(readFileSync(file, "utf8")));
  if (!read.success) throw new Error(`${file}:\n${z.prettifyError(read.error)}`);
  return read.data;
}

export interface Judged {
  /** Findings that no skip is for, a line each. */
  readonly unskipped: readonly string[];
  /** Objects of skips that have no such finding, a line each. */
  readonly stale: readonly string[];
}

export function judge(findings: readonly Finding[], skips: readonly Skip[]): Judged {
  const covers = ({ tool, check }: Skip, pattern: string, finding: Finding) =>
    finding.tool === tool && finding.check === check && matchesGlob(finding.object, pattern);
  return {
    unskipped: findings
      .filter((finding) => !skips.some((s) => s.objects.some((pattern) => covers(s, pattern, finding))))
      .map(({ tool, check, object, message }) => `${tool} ${check} ${object}: ${message}`),
    stale: skips.flatMap((s) =>
      s.objects
        .filter((pattern) => !findings.some((finding) => covers(s, pattern, finding)))
        .map((pattern) => `${s.tool} ${s.check} ${pattern}`),
    ),
  };
}
