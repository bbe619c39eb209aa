import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { z } from "zod";

/** kubeconform, kube-score and checkov, as tools/linters/install puts them into the cache. */

export const tools = ["kubeconform", "kube-score", "checkov"] as const;
export type Tool = (typeof tools)[number];

export interface Finding {
  readonly tool: Tool;
  readonly check: string;
  /** `<kind>/<name>` */
  readonly object: string;
  readonly message: string;
}

const home = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "datalab/linters");

/** Everything that a tool finds wrong with the manifests of a folder. */
export async function lint(tool: Tool, folder: string): Promise<Finding[]> {
  if (!existsSync(join(home, "stamp"))) {
    throw new Error(`${home} is missing or incomplete: run ./setup.sh --only linters`);
  }
  const found = await linters[tool](folder);
  return found.map((finding) => ({ tool, ...finding }));
}

type Found = Omit<Finding, "tool">;

const linters: Readonly<Record<Tool, (folder: string) => Promise<Found[]>>> = {
  kubeconform: async (folder) => {
    const schemas = join(home, "schemas");
    const perVersion: Found[][] = [];
    for (const version of readdirSync(schemas)) perVersion.push(await kubeconform(folder, schemas, version));
    return perVersion.flat();
  },
  "kube-score": kubeScore,
  checkov,
};

const conformReport = z.object({
  resources: z.array(
    z.object({
      filename: z.string(),
      kind: z.string(),
      name: z.string(),
      status: z.string(),
      msg: z.string(),
    }),
  ),
  summary: z.object({ valid: z.int(), invalid: z.int(), errors: z.int(), skipped: z.int() }),
});

async function kubeconform(folder: string, schemas: string, version: string): Promise<Found[]> {
  const location = join(schemas, "{{.NormalizedKubernetesVersion}}/{{.ResourceKind}}{{.KindSuffix}}.json");
  const output = await run("bin/kubeconform", [
    ...["-strict", "-summary", "-output", "json", "-schema-location", location],
    ...["-kubernetes-version", version.replace(/^v/, ""), ...manifestsIn(folder)],
  ]);
  const { resources, summary } = read(conformReport, output);
  if (summary.skipped > 0) throw new Error(`kubeconform has left out ${summary.skipped} objects`);
  return resources.map(({ filename, kind, name, status, msg }) => ({
    check: status,
    object: kind ? `${kind}/${name}` : basename(filename),
    // What comes first is always the same, and a path into the cache.
    message: `Kubernetes ${version}: ${msg.replace(/^problem validating schema.*?#' /, "")}`,
  }));
}

const scoreReport = z.array(
  z.object({
    type_meta: z.object({ kind: z.string() }),
    object_meta: z.object({ name: z.string() }),
    checks: z.array(
      z.object({
        check: z.object({ id: z.string() }),
        grade: z.int(),
        skipped: z.boolean(),
        comments: z.array(z.object({ path: z.string(), summary: z.string() })).nullable(),
      }),
    ),
  }),
);
/** What kube-score calls CRITICAL; a warning is a 5. */
const critical = 1;
/** Not asked by default, and kept by every pod here. */
const optionalScores = [
  "container-seccomp-profile",
  "container-memory-requests-equal-limits",
  "container-ports-check",
];

async function kubeScore(folder: string): Promise<Found[]> {
  const output = await run("bin/kube-score", [
    ...["score", "--output-format", "json", "--kubernetes-version", "v1.34"],
    ...["--disable-ignore-checks-annotations", "--disable-optional-checks-annotations"],
    ...optionalScores.flatMap((id) => ["--enable-optional-test", id]),
    ...manifestsIn(folder),
  ]);
  return read(scoreReport, output).flatMap(({ type_meta, object_meta, checks }) =>
    checks
      .filter(({ grade, skipped }) => !skipped && grade <= critical)
      .map(({ check, comments }) => ({
        check: check.id,
        object: `${type_meta.kind}/${object_meta.name}`,
        message: (comments ?? []).map(({ path, summary }) => `${path} ${summary}`.trim()).join("; "),
      })),
  );
}

const checkovCheck = z.object({ check_id: z.string(), check_name: z.string(), resource: z.string() });
const checkovReport = z.object({
  results: z.object({
    passed_checks: z.array(checkovCheck),
    failed_checks: z.array(checkovCheck),
    // What an annotation of the object itself leaves out: skips stand in one file.
    skipped_checks: z.array(checkovCheck),
    parsing_errors: z.array(z.string()),
  }),
});

async function checkov(folder: string): Promise<Found[]> {
  const output = await run("venv/bin/checkov", [
    ...["--directory", folder, "--framework", "kubernetes"],
    ...["--output", "json", "--compact", "--skip-download"],
  ]);
  const { results } = read(checkovReport, output);
  const failed = [...results.failed_checks, ...results.skipped_checks];
  if (failed.length + results.passed_checks.length === 0)
    throw new Error(`checkov found no object in ${folder}`);
  return [
    ...failed.map(({ check_id, check_name, resource }) => ({
      check: check_id,
      object: objectOf(resource),
      message: check_name,
    })),
    ...results.parsing_errors.map((file) => ({
      check: "parsing",
      object: file,
      message: "could not be read",
    })),
  ];
}

/** checkov names an object `<kind>.<namespace>.<name>`. */
function objectOf(resource: string): string {
  const [kind, , ...name] = resource.split(".");
  return `${kind}/${name.join(".")}`;
}

const manifestsIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => join(folder, file));

/**
 * What a tool prints, whether or not it has found something. checkov keeps a parser's cache in its TMPDIR.
 */
async function run(program: string, args: readonly string[]): Promise<string> {
  const temporary = mkdtempSync(join(tmpdir(), "datalab-linter-"));
  const options = { maxBuffer: 1 << 27, env: { ...process.env, TMPDIR: temporary } };
  try {
    return await new Promise((resolve, reject) => {
      execFile(join(home, program), args, options, (error, stdout, stderr) => {
        // All three exit with 1 for findings.
        if (error && (error.code !== 1 || stdout === "")) {
          reject(new Error(`${program} failed: ${stderr || error.message}`, { cause: error }));
        } else resolve(stdout);
      });
    });
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function read<T>(report: z.ZodType<T>, text: string): T {
  return report.parse(JSON.parse(text));
}
