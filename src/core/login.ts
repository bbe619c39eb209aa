import { createHash, timingSafeEqual } from "node:crypto";
import type { AlertsLogin } from "./files.ts";

/** The header of a login by HTTP Basic. */
export const basic = ({ user, password }: AlertsLogin): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

/** Whether a header carries this login; takes as long for a wrong one as for the right one. */
export function isLogin(authorization: string | undefined, login: AlertsLogin): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(authorization ?? ""), digest(basic(login)));
}
