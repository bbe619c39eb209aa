import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";

import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { presets } from "../../src/config/presets.ts";
import { services } from "../../src/services/index.ts";
import { standIn } from "../support/programs.ts";
import { modelOf } from "../support/project.ts";
import { emptyProject, environment, repository, setup } from "./support/empty-project.ts";

/** Every port of a dev stack. */
function published(offset: number, preset = "full"): number[] {
  const yaml = `portOffset: ${offset}\npreset: ${preset}`;
  const workloads = modelOf(yaml, "dev", services).services.flatMap((s) => s.workloads);
  return sorted(workloads.flatMap((w) => w.endpoints.flatMap((e) => e.published ?? [])));
}
const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);

const report = z.strictObject({
  ok: z.boolean(),
  estimatedSeconds: z.int(),
  dependencies: z.array(
    z.strictObject({
      name: z.string(),
      needed: z.string(),
      found: z.string(),
      state: z.enum(["ok", "missing", "stale", "low"]),
    }),
  ),
  ports: z.array(
    z.strictObject({ port: z.int(), purpose: z.string(), takenBy: z.string().nullable(), own: z.boolean() }),
  ),
});

describe("setup.sh --check", () => {
  test("reports every dependency and port as JSON and exits 1 when something is missing", () => {
    const result = setup(emptyProject(), "--check", "--json");
    const { ok, dependencies, ports } = report.parse(JSON.parse(result.stdout));
    expect(result.status).toBe(1);
    expect(ok).toBe(false);
    expect(dependencies.map(({ name }) => name)).toEqual([
      "node",
      "npm packages",
      "Pulumi CLI",
      "Pulumi Node host",
      "Pulumi plugin docker",
      "docker",
      "images",
      ".datalab/",
      "logs/",
      "passphrase",
      "free memory",
      "free disk",
    ]);
    expect(sorted(ports.map(({ port }) => port))).toEqual(published(0));
    const { restMiB, workMiB } = presets.full;
    const needed = (of: string) => dependencies.find(({ name }) => name === of)?.needed;
    expect(needed("free memory")).toBe(`${restMiB + workMiB} MiB`);
    expect(needed("images")).toBe("all of the platform");
  });

  test.each(["lake", "analytics"] as const)("asks for what the preset %s needs", (preset) => {
    const root = emptyProject();
    const file = `config:\n  datalab:platform:\n    preset: ${preset} # small\n    portOffset: 100\n`;
    writeFileSync(join(root, "Pulumi.dev.yaml"), file);
    const { dependencies, ports } = report.parse(JSON.parse(setup(root, "--check", "--json").stdout));
    const { restMiB, workMiB } = presets[preset];
    const needed = (of: string) => dependencies.find(({ name }) => name === of)?.needed;
    expect(needed("free memory")).toBe(`${restMiB + workMiB} MiB`);
    expect(needed("images")).toBe(`of the preset ${preset}`);
    expect(sorted(ports.map(({ port }) => port))).toEqual(published(100, preset));
  });

  test.each([
    ["lake", "debian base python pipelines services dashboard core gateway"],
    ["analytics", "debian base python pipelines services notebook dashboard core gateway"],
    ["full", "debian base python pipelines services spark notebook dashboard core gateway"],
  ])("a first run with the preset %s is estimated for its images alone", (preset, images) => {
    const root = emptyProject();
    writeFileSync(join(root, "Pulumi.dev.yaml"), `config:\n  datalab:platform:\n    preset: ${preset}\n`);
    const script = `project='${root}' cache='${root}/cache' scratch='' state='' docker='' node_folder=''
      . tools/setup/preset.sh && . tools/setup/steps.sh && missing_images | paste -sd' '`;
    const { stdout, stderr } = spawnSync("bash", ["--norc", "-euc", script], { cwd: root, encoding: "utf8" });
    expect({ stdout, stderr }).toEqual({ stdout: `${images}\n`, stderr: "" });
  });

  test("a preset that does not exist counts as the default here; `config validate` names it", () => {
    const root = emptyProject();
    writeFileSync(join(root, "Pulumi.dev.yaml"), "config:\n  datalab:platform:\n    preset: lage\n");
    const { ports } = report.parse(JSON.parse(setup(root, "--check", "--json").stdout));
    expect(sorted(ports.map(({ port }) => port))).toEqual(published(0));
  });

  test("changes nothing", () => {
    const root = emptyProject();
    const before = readdirSync(root, { recursive: true }).sort();
    setup(root, "--check");
    expect(readdirSync(root, { recursive: true }).sort()).toEqual(before);
  });

  test("moves the ports by the dev stack's portOffset", () => {
    const root = emptyProject();
    writeFileSync(join(root, "Pulumi.dev.yaml"), "config:\n  datalab:platform:\n    portOffset: 20000\n");
    const { ports } = report.parse(JSON.parse(setup(root, "--check", "--json").stdout));
    expect(sorted(ports.map(({ port }) => port))).toEqual(published(20000));
  });
});

describe("setup.sh", () => {
  test("makes the private folder and a passphrase that only the owner reads", () => {
    const root = emptyProject();
    expect(setup(root, "--only", "node").status).toBe(0);
    expect(statSync(join(root, ".datalab")).mode & 0o777).toBe(0o700);
    expect(statSync(join(root, ".datalab/passphrase")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(root, ".datalab/passphrase"), "utf8").length).toBeGreaterThanOrEqual(40);
  });

  test("keeps the passphrase when it runs again, and leaves nothing in the cache", () => {
    const root = emptyProject();
    setup(root, "--only", "node");
    const passphrase = readFileSync(join(root, ".datalab/passphrase"), "utf8");
    const second = setup(root, "--only", "node");
    expect(second.status).toBe(0);
    expect(readFileSync(join(root, ".datalab/passphrase"), "utf8")).toBe(passphrase);
    expect(readdirSync(join(root, "cache/datalab"))).toEqual([]);
  });

  test("exits 4 and names the holder while another one runs", async () => {
    const root = emptyProject();
    mkdirSync(join(root, ".datalab"));
    const lock = join(root, ".datalab/setup.lock");
    writeFileSync(lock, "pid 4242, user someone, since today\n");
    const holder = spawn("flock", [lock, "sh", "-c", "echo locked; exec sleep 30"]);
    onTestFinished(() => void holder.kill());
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    const result = setup(root, "--only", "node");
    holder.kill();
    expect(result.status).toBe(4);
    expect(result.stderr).toContain("another set-up is running: pid 4242, user someone, since today");
  });

  test.each([
    ["spawnSync node_modules/esbuild/bin/esbuild ETXTBSY", 0, 2],
    ["ENOTFOUND: the registry", 1, 1],
  ])("after %j of npm it ends with %i, having asked %i times", (words, status, times) => {
    const root = emptyProject();
    const lock = JSON.stringify({ packages: { "": {}, "node_modules/a": { version: "1.0.0" } } });
    writeFileSync(join(root, "package-lock.json"), lock);
    mkdirSync(join(root, "node_modules"));
    const programs = standIn(
      "npm",
      `if (readFileSync(folder + "/calls", "utf8").split("\\n").length > 2)
  writeFileSync("node_modules/.package-lock.json", readFileSync("package-lock.json"));
else {
  console.error("npm error ${words}");
  process.exit(1);
}`,
    );
    // Set-up takes npm from where its Node is.
    symlinkSync(process.execPath, join(programs, "node"));
    const env = environment(root);
    const ran = spawnSync(join(root, "setup.sh"), ["--only", "npm"], {
      encoding: "utf8",
      env: { ...env, PATH: `${programs}:${env.PATH}` },
    });
    expect(ran.status, ran.stderr).toBe(status);
    const calls = readFileSync(join(programs, "calls"), "utf8").trim().split("\n");
    expect(calls.map((line) => JSON.parse(line)[0])).toEqual(Array(times).fill("ci"));
  });

  test.each([
    [["--frobnicate"], "unknown option '--frobnicate'"],
    [["--only", "nodes"], "unknown step 'nodes'"],
    [["--with", "aws"], "--with: expected kubernetes, received 'aws'"],
    [["--json"], "--json goes with --check"],
    [["--only"], "--only needs a value"],
  ])("exits 2 for %j and touches nothing", (args, message) => {
    const root = emptyProject();
    const result = setup(root, ...args);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain(message);
    expect(existsSync(join(root, ".datalab"))).toBe(false);
  });
});

test("the engine's own log of everything is kept from being written, and what there was is removed", () => {
  const home = mkdtempSync(join(tmpdir(), "datalab-home-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  mkdirSync(join(home, "logs"));
  writeFileSync(join(home, "logs", "dev.log"), "x");
  const script = 'locked() { :; }; . "$1" && without_engine_logs && without_engine_logs';
  const engine = join(repository, "tools/setup/engine.sh");
  const ran = spawnSync("bash", ["--norc", "-euc", script, "bash", engine], {
    encoding: "utf8",
    env: { ...process.env, PULUMI_HOME: home },
  });
  expect([ran.status, ran.stderr]).toEqual([0, ""]);
  expect(statSync(join(home, "logs")).isFile()).toBe(true);
});

describe("datalab", () => {
  /** A project that looks set up, whose CLI prints what it was given. */
  function setUpProject(): string {
    const root = emptyProject();
    for (const folder of [".datalab", "node_modules", "src/cli", "engine"]) {
      mkdirSync(join(root, folder), { recursive: true });
    }
    const write = (path: string, text: string, mode = 0o644) =>
      writeFileSync(join(root, path), text, { mode });
    write("node_modules/.package-lock.json", "{}");
    write("engine/pulumi", "#!/bin/sh\n", 0o755);
    write(".datalab/passphrase", "secret");
    write(
      "src/cli/main.ts",
      "console.log(JSON.stringify([process.argv.slice(2), process.env.DATALAB_PROJECT, process.cwd()]));\n",
    );
    const lines = {
      level: "full",
      node: dirname(process.execPath),
      engine: join(root, "engine"),
      pulumi_home: join(root, "it's home"),
      docker: "/bin/sh",
      daemon: "",
      built: "true",
    };
    const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
    const text = Object.entries(lines).map(([key, value]) => `datalab_${key}=${quoted(value)}\n`);
    write(".datalab/setup.env", text.join(""));
    return root;
  }

  const launch = (command: string, args: string[], cwd?: string, more: Record<string, string> = {}) =>
    spawnSync(command, args, {
      encoding: "utf8",
      env: { ...process.env, NODE_COMPILE_CACHE: "", ...more },
      cwd,
    });

  test("hands its arguments over as they are and keeps the working directory", () => {
    const root = setUpProject();
    const result = launch(join(root, "datalab"), ["data", "ingest", "a b.csv", "$x"], "/");
    expect(JSON.parse(result.stdout)).toEqual([["data", "ingest", "a b.csv", "$x"], root, "/"]);
  });

  test("finds its project through symbolic links", () => {
    const root = setUpProject();
    mkdirSync(join(root, "bin"));
    symlinkSync("../datalab", join(root, "bin/first"));
    symlinkSync(join(root, "bin/first"), join(root, "bin/second"));
    expect(JSON.parse(launch(join(root, "bin/second"), ["up"]).stdout)[1]).toBe(root);
  });

  test("env prints lines that a shell can evaluate, whatever is in the paths", () => {
    const root = setUpProject();
    const script =
      'eval "$("$1" env)" && printf "%s\\n" "$PULUMI_HOME" "$PULUMI_CONFIG_PASSPHRASE_FILE" && command -v pulumi';
    const result = launch("sh", ["-c", script, "sh", join(root, "datalab")]);
    expect(result.stdout.split("\n").slice(0, 3)).toEqual([
      join(root, "it's home"),
      join(root, ".datalab/passphrase"),
      join(root, "engine/pulumi"),
    ]);
  });

  describe.each(["PULUMI_CONFIG_PASSPHRASE", "PULUMI_BACKEND_URL"])("an empty %s", (name) => {
    test("is taken for not set, and no longer set where a shell takes the environment over", () => {
      const root = setUpProject();
      writeFileSync(join(root, "src/cli/main.ts"), `console.log(process.env.${name} ?? "not set");\n`);
      expect(launch(join(root, "datalab"), ["up"], "/", { [name]: "", CI: "" }).stdout).toBe("not set\n");
      const script = `eval "$("$1" env)"; echo "\${${name}-not set}"`;
      const shell = launch("sh", ["-c", script, "sh", join(root, "datalab")], "/", { [name]: "", CI: "" });
      expect(shell.stdout).toBe("not set\n");
    });

    test("stops a job of CI before anything is done", () => {
      const root = setUpProject();
      const result = launch(join(root, "datalab"), ["up"], "/", { [name]: "", CI: "true" });
      expect([result.status, result.stdout]).toEqual([2, ""]);
      expect(result.stderr).toBe(
        `✖ ${name}: expected a value, received an empty one\n→ Set it for this job (docs/ci.md), or remove it from the job's environment.\n`,
      );
    });
  });

  test("makes the folder of states anew where it was deleted", () => {
    const root = setUpProject();
    expect(existsSync(join(root, ".datalab/state"))).toBe(false);
    launch(join(root, "datalab"), ["up"]);
    expect(existsSync(join(root, ".datalab/state"))).toBe(true);
  });

  test("runs set-up first when one of its inputs is newer than the last one", () => {
    const root = setUpProject();
    writeFileSync(join(root, "setup.sh"), '#!/bin/sh\necho "set-up ran: $*" >&2\nexit 3\n', { mode: 0o755 });
    const future = spawnSync("touch", ["-d", "+1 hour", join(root, "setup.sh")]);
    expect(future.status).toBe(0);
    const result = launch(join(root, "datalab"), ["up"]);
    expect(result.status).toBe(3);
    expect(result.stderr).toBe("set-up ran: --only node,npm,engine,docker,images --stack dev\n");
  });

  test.each([
    [["up", "--stack", "team-a"], "team-a"],
    [["up", "--stack=team-b", "--json"], "team-b"],
    [["-s", "team-c", "up"], undefined],
    [["up", "-steam-d"], "team-d"],
  ])("%j has set-up build the images of its stack beside the engine", (args, stack) => {
    const root = setUpProject();
    rmSync(join(root, ".datalab/setup.env"));
    writeFileSync(join(root, "setup.sh"), '#!/bin/sh\necho "set-up ran: $*" >&2\nexit 3\n', { mode: 0o755 });
    const result = launch(join(root, "datalab"), args);
    const images = stack ? `,images --stack ${stack}` : "";
    expect(result.stderr).toBe(`set-up ran: --only node,npm,engine,docker${images}\n`);
  });

  test("asks set-up for Node and the packages only when help is wanted", () => {
    const root = setUpProject();
    rmSync(join(root, ".datalab/setup.env"));
    writeFileSync(join(root, "setup.sh"), '#!/bin/sh\necho "set-up ran: $*" >&2\nexit 3\n', { mode: 0o755 });
    const result = launch(join(root, "datalab"), ["up", "--help"]);
    expect(result.stderr).toBe("set-up ran: --only node,npm\n");
  });
});
