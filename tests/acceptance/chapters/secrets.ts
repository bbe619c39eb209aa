import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { deriveSecret } from "../../../src/model/derive.ts";
import { labelled, processes } from "../support/leftovers.ts";
import { ports, prefectApi, type Stage } from "../support/stage.ts";
import { connect } from "./confinement.ts";

interface Listed {
  readonly id: string;
  readonly version: number;
}

const prefectStatus = async (password: string) =>
  (
    await fetch(`${prefectApi}/admin/version`, {
      headers: { authorization: `Basic ${btoa(`admin:${password}`)}`, connection: "close" },
    })
  ).status;

const consoleStatus = async (password: string) =>
  (
    await fetch(`http://127.0.0.1:${ports.console}/api/v1/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ accessKey: "admin", secretKey: password }),
    })
  ).status;

/** Every secret of the stack by id, and the master secret that they come from. */
async function everySecret(stage: Stage): Promise<Map<string, string>> {
  const ran = await stage.project.shell(
    `pulumi config get datalab:masterSecret --stack ${stage.project.stack}`,
  );
  stage.project.transcript.splice(-2); // this is where it is asked for
  const master = ran.stdout.trim();
  expect(master.length).toBeGreaterThanOrEqual(32);
  const listed = await stage.project.json<Listed[]>("secrets", "list", "--all");
  return new Map([
    ["master", master],
    ...listed.map((secret) => [secret.id, deriveSecret(master, stage.project.stack, secret)] as const),
  ]);
}

/** `old`: what secrets were before they were rotated, by id. */
function hunted(stage: Stage, old: ReadonlyMap<string, string>): void {
  test("stand in no state, log, command line, label or output", async () => {
    const { project } = stage;
    const { containers } = labelled(project);
    const exported = await project.shell(`pulumi stack export --stack ${project.stack}`);
    const places = new Map<string, string>([
      ["the output of every command so far", project.transcript.join("\n")],
      ["pulumi stack export", exported.stdout],
      ["docker inspect", project.docker("inspect", ...containers)],
      [
        "process arguments",
        processes()
          .map(({ command }) => command)
          .join("\n"),
      ],
      ...containers.map((name) => [`docker logs ${name}`, project.dockerOutput("logs", name)] as const),
      ...[".datalab", "logs"].flatMap((folder) => filesBelow(project.path(folder))),
      [`Pulumi.${project.stack}.yaml`, readFileSync(project.path(`Pulumi.${project.stack}.yaml`), "utf8")],
    ]);
    const canaries = new Map([
      ...(await everySecret(stage)),
      ...[...old].map(([id, value]) => [`old ${id}`, value] as const),
    ]);
    expect(canaries.size).toBeGreaterThan(10);
    const found = [...places].flatMap(([place, text]) =>
      [...canaries].filter(([, value]) => appears(text, value)).map(([id]) => `${id} in ${place}`),
    );
    expect(found).toEqual([]);
  });
}

/** The hunt alone, on a stack whose secrets are those that it began with. */
export function huntedSecrets(stage: Stage): void {
  describe("secrets", () => hunted(stage, new Map()));
}

export function secrets(stage: Stage): void {
  describe("secrets", () => {
    const old = new Map<string, string>();

    test("a bumped version rotates a secret: the new one opens, the old one is refused", async () => {
      const rotated = ["prefect/admin", "prefect/db", "prefect/lake", "postgres/admin", "object-store/admin"];
      for (const [id, value] of await everySecret(stage)) old.set(id, value);
      stage.project.configure((platform) => {
        platform.secrets = { versions: Object.fromEntries(rotated.map((id) => [id, 2])) };
      });
      const seen = new Set<string>();
      const watching = setInterval(() => {
        for (const { command } of processes()) seen.add(command);
      }, 100);
      const text = await stage.up("--verbose");
      clearInterval(watching);
      stage.project.transcript.push(text, ...seen);

      const now = await everySecret(stage);
      for (const id of rotated) expect(now.get(id), id).not.toBe(old.get(id));
      const password = (id: string, from = now) => from.get(id) as string;
      expect(await prefectStatus(password("prefect/admin"))).toBe(200);
      expect(await prefectStatus(password("prefect/admin", old))).toBe(401);
      expect(await connect("postgres", "postgres", password("postgres/admin"))).toBe("");
      expect(await connect("postgres", "postgres", password("postgres/admin", old))).toBe("28P01");
      expect(await connect("prefect", "prefect", password("prefect/db"))).toBe("");
      expect(await connect("prefect", "prefect", password("prefect/db", old))).toBe("28P01");
      expect(await consoleStatus(password("object-store/admin"))).toBeLessThan(300);
      expect(await consoleStatus(password("object-store/admin", old))).toBeGreaterThanOrEqual(400);
    });

    test("the pipeline works with the new ones", async () => {
      const ran = await stage.runMedallion();
      expect(ran.code, ran.stderr).toBe(0);
    });

    test("are distinct, and long", async () => {
      const values = [
        ...(await everySecret(stage)).values(),
        ...[...old].filter(([id]) => id.endsWith("/admin")).map(([, v]) => v),
      ];
      expect(new Set(values).size).toBe(values.length);
      for (const value of values) expect(value.length).toBeGreaterThanOrEqual(40);
    });

    hunted(stage, old);
  });
}

/** Also as base64, which is how a basic login and many APIs carry it. */
const appears = (text: string, value: string) =>
  text.includes(value) || text.includes(btoa(`admin:${value}`));

function filesBelow(folder: string): [string, string][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path, readFileSync(path, "latin1")]);
}
