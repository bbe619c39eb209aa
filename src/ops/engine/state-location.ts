import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { S3ClientConfig } from "@aws-sdk/client-s3";
import { parse } from "yaml";

/** What Pulumi goes by for a project's state: the variable, then the project's file. */
export function backendUrl(project: string): string {
  const given = process.env.PULUMI_BACKEND_URL;
  if (given) return given;
  const path = join(project, "Pulumi.yaml");
  const file = existsSync(path) ? (parse(readFileSync(path, "utf8")) as { backend?: { url?: string } }) : {};
  return file.backend?.url ?? "file://./.datalab/state";
}

/** A folder of this machine. */
export interface FolderLocation {
  readonly kind: "folder";
  readonly path: string;
}

export interface S3Location {
  readonly kind: "s3";
  readonly bucket: string;
  /** Without slashes around it; may be empty. */
  readonly prefix: string;
  readonly client: S3ClientConfig;
}

/**
 * Where something of a project stands that whoever shares the state shares too: `name` beside the state. What
 * stands beside a backend that only Pulumi can write to is kept in this checkout.
 */
export function stateSibling(project: string, name: string): FolderLocation | S3Location {
  const url = backendUrl(project);
  const own = join(project, ".datalab");
  if (url.startsWith("s3://")) {
    const place = s3Location(url);
    return { ...place, prefix: [place.prefix, name].filter(Boolean).join("/") };
  }
  if (!url.startsWith("file://")) return { kind: "folder", path: join(own, name) };
  const state = folderOf(project, url);
  return { kind: "folder", path: join(state === join(own, "state") ? own : state, name) };
}

/**
 * A place by its URL, as Pulumi writes that of a state: `file://./folder`,
 * `s3://bucket/prefix?endpoint=...&region=...`.
 */
export function locationOf(project: string, url: string): FolderLocation | S3Location {
  return url.startsWith("s3://") ? s3Location(url) : { kind: "folder", path: folderOf(project, url) };
}

export const locationText = (place: FolderLocation | S3Location): string =>
  place.kind === "folder" ? place.path : `s3://${[place.bucket, place.prefix].filter(Boolean).join("/")}`;

function folderOf(project: string, url: string): string {
  const path = url.replace(/^file:\/\//, "").replace(/\?.*$/, "");
  return path.startsWith("/") ? fileURLToPath(`file://${path}`) : resolve(project, path);
}

function s3Location(url: string): S3Location {
  const { hostname: bucket, pathname, searchParams: given } = new URL(url);
  const is = (name: string) => given.get(name) === "true";
  const endpoint = given.get("endpoint");
  const scheme = is("disableSSL") ? "http" : "https";
  return {
    kind: "s3",
    bucket,
    prefix: pathname.split("/").filter(Boolean).join("/"),
    client: {
      ...(given.has("region") && { region: given.get("region") as string }),
      ...(endpoint && { endpoint: endpoint.includes("://") ? endpoint : `${scheme}://${endpoint}` }),
      forcePathStyle: is("s3ForcePathStyle") || is("use_path_style"),
    },
  };
}
