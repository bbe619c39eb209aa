import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { standIn } from "../support/programs.ts";
import { makeProject } from "../support/project.ts";

const root = resolve(import.meta.dirname, "../..");

/** Beside the test's own server: a run that waited for it in this process would wait for ever. */
async function run(script: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(script, args, {
    env: { ...process.env, PR_NUMBER: "", CI_MERGE_REQUEST_IID: "", ...env },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, "close");
  return { code, stdout, stderr };
}

const git = (project: string, ...args: string[]) =>
  execFileSync("git", ["-C", project, "-c", "user.name=a", "-c", "user.email=a@example.com", ...args], {
    encoding: "utf8",
  });

/** A repository with two stacks, and the scripts. */
function repository(): string {
  const project = makeProject({
    "Pulumi.dev.yaml": "",
    "Pulumi.prod.yaml": "",
    "README.md": "",
    "src/x.ts": "",
  });
  mkdirSync(join(project, "tools"));
  cpSync(join(root, "tools/ci"), join(project, "tools/ci"), { recursive: true });
  git(project, "init", "--quiet");
  git(project, "add", "--all");
  git(project, "commit", "--quiet", "--message", "first");
  git(project, "tag", "base");
  return project;
}

test.each([
  ["README.md", "[]"],
  ["Pulumi.prod.yaml", '["prod"]'],
  ["src/x.ts", '["dev","prod"]'],
  ["pipelines/hello/flow.py", '["dev","prod"]'],
])("a change of %s is about %s", async (file, stacks) => {
  const project = repository();
  writeFileSync(join(project, file), "changed\n");
  git(project, "commit", "--quiet", "--all", "--message", "second");
  const { code, stdout } = await run(join(project, "tools/ci/stacks.sh"), ["base"]);
  expect([code, stdout]).toEqual([0, `${stacks}\n`]);
});

test("what is deployed after a merge gets a change of the program in the first stack alone", async () => {
  const project = repository();
  for (const file of ["src/x.ts", "Pulumi.prod.yaml"]) writeFileSync(join(project, file), "changed\n");
  git(project, "commit", "--quiet", "--all", "--message", "second");
  const { stdout } = await run(join(project, "tools/ci/stacks.sh"), ["base", "dev"]);
  expect(stdout).toBe('["dev","prod"]\n');
  git(project, "tag", "second");
  writeFileSync(join(project, "src/x.ts"), "again\n");
  git(project, "commit", "--quiet", "--all", "--message", "third");
  expect((await run(join(project, "tools/ci/stacks.sh"), ["second", "dev"])).stdout).toBe('["dev"]\n');
});

/** GitLab's notes of one merge request. */
async function notes() {
  const all = [{ id: 1, body: "by a person" }];
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    asked.push(`${request.method} ${request.headers["private-token"]} ${request.url?.replace(/\?.*/, "")}`);
    const text = new URLSearchParams(body).get("body") ?? "";
    if (request.method === "POST") all.push({ id: all.length + 1, body: text });
    if (request.method === "PUT") {
      const found = all.find(({ id }) => id === Number(request.url?.split("/").at(-1)));
      if (found) found.body = text;
    }
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(all));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v4`;
  const env = { GITLAB_TOKEN: "t", CI_API_V4_URL: url, CI_PROJECT_ID: "7", CI_MERGE_REQUEST_IID: "3" };
  return { all, asked, env, close: () => server.close() };
}

test("a comment is made once, and updated from then on", async () => {
  const { all, asked, env, close } = await notes();
  const file = join(makeProject({}), "comment.md");
  const put = async (text: string) => {
    writeFileSync(file, `<!-- datalab preview dev -->\n${text}\n`);
    return run(join(root, "tools/ci/comment.sh"), [file], env);
  };
  expect(await put("first & foremost")).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(await put("second")).toEqual({ code: 0, stdout: "", stderr: "" });
  close();
  expect(all).toEqual([
    { id: 1, body: "by a person" },
    { id: 2, body: "<!-- datalab preview dev -->\nsecond\n" },
  ]);
  const notesUrl = "/api/v4/projects/7/merge_requests/3/notes";
  expect(asked).toEqual([
    `GET t ${notesUrl}`,
    `POST t ${notesUrl}`,
    `GET t ${notesUrl}`,
    `PUT t ${notesUrl}/2`,
  ]);
});

test.each([
  ["", "POST", "repos/lab/datalab/issues/5/comments"],
  ["42", "PATCH", "repos/lab/datalab/issues/comments/42"],
])("on GitHub, with the comment %j there, it is a %s", async (id, method, url) => {
  const folder = standIn("gh", `if (!args.includes("--method")) process.stdout.write("${id}");`);
  const file = join(makeProject({}), "comment.md");
  writeFileSync(file, "<!-- datalab preview dev -->\ntext\n");
  const env = { PR_NUMBER: "5", GITHUB_REPOSITORY: "lab/datalab", GH_TOKEN: "t" };
  expect((await run(join(root, "tools/ci/comment.sh"), [file], env)).code).toBe(0);
  const calls = readFileSync(join(folder, "calls"), "utf8").trim().split("\n");
  expect(JSON.parse(calls.at(-1) as string)).toEqual([
    "api",
    "--method",
    method,
    url,
    "--field",
    `body=@${file}`,
  ]);
});

test("without a request to comment on it is printed, and a file without a mark is refused", async () => {
  const file = join(makeProject({}), "comment.md");
  writeFileSync(file, "<!-- datalab drift dev -->\ntext\n");
  const script = join(root, "tools/ci/comment.sh");
  expect((await run(script, [file])).stdout).toBe("<!-- datalab drift dev -->\ntext\n");
  writeFileSync(file, "text\n");
  expect(await run(script, [file])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("expected a mark"),
  });
});

/** A datalab that prints this for `preview`, and ends so. */
function withDatalab(project: string, printed: object, code: number): void {
  writeFileSync(join(project, "datalab"), `#!/bin/sh\necho '${JSON.stringify(printed)}'\nexit ${code}\n`, {
    mode: 0o755,
  });
}

test("a preview that can't be made is a comment that says why", async () => {
  const project = repository();
  withDatalab(project, { error: { code: "E_CONFIG", message: "✖ portOffset: expected ..." } }, 2);
  const ran = await run(join(project, "tools/ci/preview.sh"), ["dev"]);
  expect([ran.code, ran.stdout]).toEqual([
    2,
    "<!-- datalab preview dev -->\n## Preview of `dev`\n\n**It could not be made:**\n\n```text\n✖ portOffset: expected ...\n```\n",
  ]);
});

/** A `datalab` whose drills end like this, and that notes how it was called. */
function withDrill(code: number): string {
  const project = repository();
  const drill = {
    stack: "prod",
    backup: "20260131-120000-aaaa",
    databases: 3,
    objects: 40,
    checks: 12,
    tables: [{ layer: "gold", name: "metrics", rows: 4, version: 0 }],
    seconds: { up: 20, restore: 30.5, total: 51 },
    kept: null,
  };
  const script = `#!/bin/sh
echo "$@" >>calls
case "$1 $2" in
"backup create") echo '{"id": "20260131-120000-aaaa"}' ;;
"backup drill") echo '${JSON.stringify(drill)}'; exit ${code} ;;
esac
`;
  writeFileSync(join(project, "datalab"), script, { mode: 0o755 });
  return project;
}
const called = (project: string) => readFileSync(join(project, "calls"), "utf8").trim().split("\n");

test("a restore drill makes a backup, drills that one, then prunes, and says how it went", async () => {
  const project = withDrill(0);
  const ran = await run(join(project, "tools/ci/restore-drill.sh"), ["prod"]);
  expect(ran.code, ran.stderr).toBe(0);
  expect(called(project)).toEqual([
    "backup create --stack prod --json",
    "backup drill 20260131-120000-aaaa --stack prod --json",
    "backup prune --stack prod --yes",
  ]);
  expect(ran.stdout.trim()).toBe(
    "The backup 20260131-120000-aaaa of prod was restored in 30.5 s: 3 databases, 40 objects, 12 checks passed, 1 tables.",
  );
});

test("a restore drill that fails fails, and prunes nothing", async () => {
  const project = withDrill(1);
  expect((await run(join(project, "tools/ci/restore-drill.sh"), ["prod"])).code).toBe(1);
  expect(called(project)).toHaveLength(2);
});

test("the nightly tests run with --all, end as they end, and leave a summary with the slowest", async () => {
  const project = repository();
  mkdirSync(join(project, ".ci"));
  const said = [
    "The slowest 1 of 2 tests:",
    "   97.3 s  acceptance",
    "",
    "[ 100s] all done",
    "7 passed, 1 failed, 0 skipped",
  ];
  const script = `#!/bin/sh\necho "$@" >arguments\nprintf '%s\\n' '${said.join("' '")}'\nexit 1\n`;
  writeFileSync(join(project, ".ci/run"), script, { mode: 0o755 });
  const summary = join(project, "summary");
  const ran = await run(join(project, "tools/ci/nightly.sh"), [], { GITHUB_STEP_SUMMARY: summary });
  expect(ran.code, ran.stderr).toBe(1);
  expect(readFileSync(join(project, "arguments"), "utf8")).toBe("--all\n");
  expect(readFileSync(summary, "utf8")).toBe(
    "Tests of every night: 7 passed, 1 failed, 0 skipped\n    The slowest 1 of 2 tests:\n       97.3 s  acceptance\n    \n",
  );
});
