/**
 * How this host reaches the outside: certificates, and pip's and apt's settings. Handed to builds as secrets,
 * so that nothing of it ends up in an image.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const bundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** Writes what this host has into `folder` and returns the `--secret` arguments of `docker build` for it. */
export function buildSecrets(folder: string): string[] {
  const secrets: Record<string, string | undefined> = {
    "ca.crt": certificates(),
    "pip.conf": pipSettings(),
    "apt.conf": aptSettings(),
  };
  const args: string[] = [];
  for (const [id, content] of Object.entries(secrets)) {
    if (content === undefined) continue;
    const path = join(folder, id);
    writeFileSync(path, content, { mode: 0o600 });
    args.push("--secret", `id=${id},src=${path}`);
  }
  return args;
}

/** Proxies of this host, as the build arguments that BuildKit keeps out of the image's history. */
export function proxyArguments(env: NodeJS.ProcessEnv = process.env): string[] {
  const names = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];
  return names.filter((name) => env[name]).flatMap((name) => ["--build-arg", name]);
}

function certificates(): string | undefined {
  const candidates = [process.env.SSL_CERT_FILE, process.env.NODE_EXTRA_CA_CERTS, ...bundles];
  const path = candidates.find((candidate) => candidate !== undefined && existsSync(candidate));
  return path === undefined ? undefined : readFileSync(path, "utf8");
}

/** pip's index settings from its environment variables and files; paths of this host are left out. */
export function pipSettings(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const wanted = ["index-url", "extra-index-url", "trusted-host", "proxy", "timeout"];
  const settings = new Map<string, string>();
  const files = [
    "/etc/pip.conf",
    join(homedir(), ".pip/pip.conf"),
    join(homedir(), ".config/pip/pip.conf"),
    env.PIP_CONFIG_FILE,
  ];
  for (const file of files) {
    if (file === undefined || !existsSync(file)) continue;
    for (const line of readFileSync(file, "utf8").split("\n")) {
      const [, key = "", value = ""] = /^\s*([a-z-]+)\s*=\s*(.+?)\s*$/.exec(line) ?? [];
      if (wanted.includes(key)) settings.set(key, value);
    }
  }
  for (const key of wanted) {
    const value = env[`PIP_${key.replaceAll("-", "_").toUpperCase()}`];
    if (value) settings.set(key, value);
  }
  if (settings.size === 0) return undefined;
  return `[global]\n${[...settings].map(([key, value]) => `${key} = ${value}\n`).join("")}`;
}

/** apt's download settings (proxies, clock checks); locations of this host's files are left out. */
function aptSettings(): string | undefined {
  const dump = spawnSync("apt-config", ["dump", "--no-empty", "Acquire"], { encoding: "utf8" });
  if (dump.error !== undefined || dump.status !== 0) return undefined;
  const wanted = /^Acquire::(http|https|ftp|Check-|Retries|ForceIPv)/i;
  const unwanted = /User-Agent|CAInfo|CAPath|SslCert|SslKey|Proxy-Auto-Detect|ProxyAutoDetect/i;
  const lines = dump.stdout.split("\n").filter((line) => wanted.test(line) && !unwanted.test(line));
  return lines.length === 0 ? undefined : `${lines.join("\n")}\n`;
}
