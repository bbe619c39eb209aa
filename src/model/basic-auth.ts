import { createHash, timingSafeEqual } from "node:crypto";

export interface BasicLogin {
  readonly user: string;
  readonly password: string;
}

/** The `Authorization` header of a login by HTTP Basic. */
export const basicAuth = ({ user, password }: BasicLogin): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

/** Whether a header carries this login; takes as long for a wrong one as for the right one. */
export function isLogin(authorization: string | undefined, login: BasicLogin): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(authorization ?? ""), digest(basicAuth(login)));
}
