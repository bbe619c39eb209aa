import { expect, test } from "vitest";
import { deriveSecret } from "../../../src/model/derive.ts";
import { pulumiError } from "../../../src/ops/engine/pulumi-cli.ts";
import { credentialsOf } from "../../../src/ops/services/credentials.ts";
import { parsePlatform } from "../../../src/ops/services/platform.ts";
import { platform } from "../fixture-platform.ts";

test("the stack output is read as it was written", () => {
  expect(parsePlatform(JSON.stringify(platform()), "dev")).toEqual(platform());
});

test.each(["null", "", "not json"])("the output %j is a stack that is not deployed", (text) => {
  expect(() => parsePlatform(text, "team-a")).toThrow(
    expect.objectContaining({
      code: "E_NOT_DEPLOYED",
      message: "The stack team-a is not deployed.",
      hint: "./datalab up --stack team-a",
    }),
  );
});

test("an output of another version says where it differs", () => {
  const { release: _, ...old } = platform();
  expect(() => parsePlatform(JSON.stringify(old), "dev")).toThrow(/another version of DataLab \(release: /);
});

test.each([
  ["error: no stack named 'dev' found", "E_NOT_DEPLOYED"],
  ["error: current stack does not have output property 'platform'", "E_NOT_DEPLOYED"],
  ["error: getting secrets manager: incorrect passphrase", "E_PASSPHRASE"],
  [
    'error: constructing secrets manager of type "passphrase": unable to find either `PULUMI_CONFIG_PASSPHRASE` or `PULUMI_CONFIG_PASSPHRASE_FILE` when trying to access the Passphrase Secrets Provider; one of these environment variables must be set',
    "E_PASSPHRASE",
  ],
  ["error: something new", "E_PULUMI"],
])("the engine's %j is %s", (stderr, code) => {
  expect(pulumiError(stderr, "dev").code).toBe(code);
});

test("a secret's value is derived, and an unknown one is answered with what was meant", () => {
  const master = "m".repeat(43);
  const credentials = credentialsOf(platform(), master);
  expect(credentials.value("prefect/admin")).toBe(
    deriveSecret(master, "dev", { id: "prefect/admin", version: 1 }),
  );
  expect(() => credentials.value("prefect/admn")).toThrow(
    expect.objectContaining({ code: "E_SECRET", exitCode: 2, hint: "Did you mean prefect/admin?" }),
  );
});
