import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { withField } from "../../src/config/edit.ts";

const path = ["services", "object-store", "options", "engine"];
const engine = (text: string) =>
  parse(text).config["datalab:platform"].services["object-store"].options.engine as string;

describe("one field of a stack's file", () => {
  test("is set where nothing stands yet, and comments, order and other keys stay", () => {
    const before = `# ours
encryptionsalt: v1:abc
config:
  # all of it
  datalab:platform:
    portOffset: 7 # seven
    services:
      prefect: # later
        enabled: false
  datalab:masterSecret:
    secure: v1:def
`;
    const after = withField(before, path, "versitygw");
    expect(engine(after)).toBe("versitygw");
    for (const comment of ["# ours", "# all of it", "# seven", "# later"]) expect(after).toContain(comment);
    const { services } = parse(after).config["datalab:platform"];
    expect(services.prefect).toEqual({ enabled: false });
    expect(Object.keys(parse(after))).toEqual(Object.keys(parse(before)));
    expect(parse(after).config["datalab:masterSecret"]).toEqual({ secure: "v1:def" });
    expect(after.split("\n").slice(0, 6)).toEqual(before.split("\n").slice(0, 6));
  });

  test("is changed in place", () => {
    const before = `config:
  datalab:platform:
    services:
      object-store:
        options:
          engine: minio # for now
        storage:
          data: 30Gi
`;
    expect(withField(before, path, "versitygw")).toBe(before.replace("engine: minio", "engine: versitygw"));
  });

  test.each([
    ["an empty file", ""],
    ["an empty platform", "config:\n  datalab:platform: {}\n"],
    ["a key without a value", "config:\n  datalab:platform:\n    services:\n"],
    ["only the frame", "config:\n"],
  ])("is set in %s", (_name, before) => {
    expect(engine(withField(before, path, "versitygw"))).toBe("versitygw");
  });

  test("that has the value already leaves the text as it is, spaces and all", () => {
    const text =
      "config:   {datalab:platform:   {services: {object-store: {options: {engine: versitygw}}}}}\n";
    expect(withField(text, path, "versitygw")).toBe(text);
  });
});
