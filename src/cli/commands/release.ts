import type { ReleaseRecord } from "../../ops/release/record.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { ago, print, printJson, say, table } from "../terminal/output.ts";

export function register(program: AnyCommand): void {
  const release = program
    .command("release")
    .description("Show what was deployed, by whom, when and from which commit.");

  const list = release
    .command("list")
    .description("List the recorded releases of the stack, newest first.")
    .action(async (_options, command) => {
      const { stack, project, json } = contextOf(command);
      const { listReleases } = await import("../../ops/release/release.ts");
      const { describeChanges } = await import("../../ops/lifecycle/up-text.ts");
      const records = (await listReleases(project, stack)).toReversed();
      if (json) return printJson(records.map(summary));
      if (records.length === 0) return say(`No release of ${stack} is recorded. ./datalab up records one.`);
      print(
        await table(
          ["RELEASE", "WHEN", "WHO", "COMMIT", "CHANGES", "FROM"],
          records.map((r) => [
            r.id,
            ago(r.at),
            r.by.user,
            commitText(r),
            describeChanges(r.changes),
            r.promoted ? `${r.promoted.from} ${r.promoted.release}` : (r.restores ?? ""),
          ]),
        ),
      );
    });
  examples(list, [["./datalab release list --stack staging", "a table, newest first"]]);

  const show = release
    .command("show [release]")
    .description("Show a release: images, pipelines, configuration. Name it by id, `latest` or `previous`.")
    .action(async (name: string | undefined, _options, command) => {
      const { stack, project, json } = contextOf(command);
      const { findRelease } = await import("../../ops/release/release.ts");
      const record = await findRelease(project, stack, name ?? "latest");
      if (json) printJson(record);
      else print(await showText(record));
    });
  examples(show, [
    ["./datalab release show", "what runs"],
    ["./datalab release show previous --stack staging --json", "for programs"],
  ]);

  const diff = release
    .command("diff <a> <b>")
    .description("Show the differences of two releases; `staging:latest` names another stack's.")
    .action(async (a: string, b: string, _options, command) => {
      const { stack, project, json } = contextOf(command);
      const { findRelease } = await import("../../ops/release/release.ts");
      const { releaseDiff, releaseDiffText } = await import("../../ops/release/diff.ts");
      const [one, other] = [await findRelease(project, stack, a), await findRelease(project, stack, b)];
      const found = releaseDiff(one, other);
      if (json) printJson(found);
      else print(releaseDiffText(found));
    });
  examples(diff, [
    ["./datalab release diff previous latest", "what the last up changed"],
    ["./datalab release diff dev:latest staging:latest", "what staging does not have yet"],
  ]);
}

const summary = (r: ReleaseRecord) => ({
  id: r.id,
  at: r.at,
  by: r.by,
  content: r.content,
  commit: r.git.commit,
  dirty: r.git.dirty.length > 0,
  changes: r.changes,
  promoted: r.promoted,
  restores: r.restores,
});

const commitText = ({ git }: ReleaseRecord): string =>
  git.commit === null ? "" : `${git.commit.slice(0, 10)}${git.dirty.length > 0 ? " (dirty)" : ""}`;

async function showText(record: ReleaseRecord): Promise<string> {
  const { imageText } = await import("../../ops/release/diff.ts");
  const { stringify } = await import("yaml");
  const pairs = (values: Readonly<Record<string, string>>) =>
    Object.entries(values).map(([name, text]) => [name, text]);
  const from = record.promoted && `${record.promoted.from} ${record.promoted.release}`;
  return [
    `release  ${record.id} of ${record.stack} on ${record.target}`,
    `when     ${record.at} by ${record.by.user}@${record.by.host}`,
    `commit   ${commitText(record) || "not in git"}`,
    `version  DataLab ${record.schema.version}`,
    ...(from ? [`from     ${from}`] : []),
    ...(record.restores ? [`restores ${record.restores}`] : []),
    "",
    await table(
      ["IMAGE", "WHAT"],
      Object.entries(record.images).map(([name, image]) => [name, imageText(image)]),
    ),
    "",
    await table(["PIPELINE", "VERSION"], pairs(record.pipelines)),
    "",
    stringify({ "datalab:platform": record.given }).trimEnd(),
  ].join("\n");
}
