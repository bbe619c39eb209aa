import { expect, test } from "vitest";
import { basicAuth, isLogin } from "../../src/model/basic-auth.ts";

const login = { user: "ann", password: "pässwort:1" };

test("a login is a header as RFC 7617 has it, in UTF-8", () => {
  expect(basicAuth({ user: "Aladdin", password: "open sesame" })).toBe("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  expect(basicAuth({ user: "test", password: "123£" })).toBe("Basic dGVzdDoxMjPCow==");
});

test.each([
  ["its own header", basicAuth(login), true],
  ["another password", basicAuth({ ...login, password: "pässwort:2" }), false],
  ["another user", basicAuth({ ...login, user: "bob" }), false],
  ["a longer header", `${basicAuth(login)}=`, false],
  ["no header", undefined, false],
])("a login is compared with %s", (_what, header, expected) => {
  expect(isLogin(header, login)).toBe(expected);
});
