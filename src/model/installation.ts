import { createHash } from "node:crypto";

/**
 * What tells one installation of a stack from another of the same name: two checkouts may call their stacks
 * `dev` on one machine.
 */
export interface Installation {
  /** Random; on every object's label. */
  readonly id: string;
  /** Who made it, on which host and in which folder: `ann@laptop:/home/ann/lab`. */
  readonly origin: string;
}

/** The value of `datalab:installation` in a stack's file. */
export const installationText = ({ id, origin }: Installation): string => `${id} ${origin}`;

/** undefined: the text is no such value. */
export function parseInstallation(text: unknown): Installation | undefined {
  const [, id, origin] = typeof text === "string" ? (/^([0-9a-f]{16}) (\S.*)$/.exec(text) ?? []) : [];
  return id !== undefined && origin !== undefined ? { id, origin } : undefined;
}

/** Tells one master secret from another and nothing of either: 64 of the hash's bits. */
export const masterFingerprint = (master: string): string =>
  createHash("sha256").update(`datalab master secret\n${master}`).digest("hex").slice(0, 16);
