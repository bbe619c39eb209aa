import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hostMirrors } from "../../src/images/debian.ts";
import { ImageBuildError } from "../../src/images/error.ts";
import { pipSettings, proxyArguments } from "../../src/images/host-settings.ts";
import { Project, repository } from "./project.ts";

describe("the host's Debian mirrors", () => {
  test("are read from deb822 files", () => {
    const project = new Project();
    project.write(
      "apt/sources.list.d/debian.sources",
      "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n\n" +
        "Types: deb\nURIs: http://mirror.example/security\nSuites: bookworm-security\n",
    );
    expect(hostMirrors("bookworm", join(project.root, "apt"))).toEqual({
      main: "http://mirror.example/debian",
      security: "http://mirror.example/security",
    });
  });

  test("are read from one-line files, options and all", () => {
    const project = new Project();
    project.write(
      "apt/sources.list",
      "deb [signed-by=/key.gpg] http://mirror.example/debian bookworm main\n",
    );
    expect(hostMirrors("bookworm", join(project.root, "apt"))).toEqual({
      main: "http://mirror.example/debian",
    });
  });

  test("of another distribution are not used", () => {
    const project = new Project();
    project.write("apt/sources.list", "deb http://mirror.example/ubuntu noble main\n");
    expect(hostMirrors("bookworm", join(project.root, "apt"))).toEqual({});
  });
});

describe("pip's settings", () => {
  test("take the index from the environment", () => {
    expect(pipSettings({ PIP_INDEX_URL: "https://index.example/simple" })).toContain(
      "index-url = https://index.example/simple",
    );
  });

  test("leave paths of this host out", () => {
    const project = new Project();
    project.write("pip.conf", "[global]\nindex-url = https://index.example/simple\ncert = /etc/own.pem\n");
    const settings = pipSettings({ PIP_CONFIG_FILE: join(project.root, "pip.conf") });
    expect(settings).toContain("index-url = https://index.example/simple");
    expect(settings).not.toContain("cert");
  });
});

test("proxies are handed over by name, so that their passwords show in no argument", () => {
  expect(proxyArguments({ HTTPS_PROXY: "http://user:secret@proxy.example" })).toEqual([
    "--build-arg",
    "HTTPS_PROXY",
  ]);
});

test("a failed build shows its last 30 lines and the fix", () => {
  const lines = Array.from({ length: 50 }, (_, index) => `line ${index}`);
  const { message, hint } = new ImageBuildError("python", lines, "read the log");
  expect(message.split("\n")).toHaveLength(31);
  expect(message).toContain("│ line 49");
  expect(hint).toBe("read the log");
});

describe("datalab-start", () => {
  const script = join(repository, "src/images/base/datalab-start");
  const start = (args: string[], env: Record<string, string> = {}, path = script) =>
    spawnSync("bash", [path, ...args], { encoding: "utf8", env: { ...process.env, ...env } });

  test("becomes the command and keeps its exit code", () => {
    expect(start(["bash", "-c", "echo ran; exit 7"])).toMatchObject({ status: 7, stdout: "ran\n" });
  });

  test("exits 64 without a command", () => {
    expect(start([])).toMatchObject({ status: 64 });
  });

  test("exits 75 and names the address when nothing accepts a connection in time", () => {
    const result = start(["true"], { DATALAB_WAIT: "127.0.0.1:1", DATALAB_WAIT_SECONDS: "1" });
    expect(result.status).toBe(75);
    expect(result.stderr).toContain("gave up: 127.0.0.1:1 accepted no connection within 1 s");
  });

  test("goes on as soon as every address accepts a connection", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const result = start(["echo", "ready"], { DATALAB_WAIT: `127.0.0.1:${address.port}` });
    server.close();
    expect(result).toMatchObject({ status: 0, stdout: "ready\n" });
  });

  test("exports the variables of the env file, quotes and dollars as they are", () => {
    const project = new Project();
    const folder = mkdtempSync(join(project.root, "run-"));
    writeFileSync(join(folder, "env"), "A='it'\\''s $HOME'\n");
    const copy = join(folder, "datalab-start");
    writeFileSync(copy, readFileSync(script, "utf8").replaceAll("/run/datalab/env", join(folder, "env")));
    expect(start(["bash", "-c", 'echo "$A"'], {}, copy).stdout).toBe("it's $HOME\n");
  });
});
