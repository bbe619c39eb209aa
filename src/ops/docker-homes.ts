import { DatalabError } from "../config/error.ts";
import { instancePrefix, labelNames } from "../model/names.ts";
import { dockerRun } from "./docker-cli.ts";
import type { HomeHost, Homes } from "./home-host.ts";
import { lastLines } from "./process.ts";

const role = "backup";
/** What a call that was killed leaves ends by itself. */
const atMostSeconds = 86_400;

/** Homes as the agent's door names them, see src/agent/confinement.ts: `<prefix><key>-<user>-home`. */
export const dockerHomes: HomeHost = {
  async list(homes) {
    const [first, last] = around(homes);
    const all = await must(["volume", "ls", ...filters(homes, "data"), "--format", "{{.Name}}"]);
    return lines(all)
      .filter((name) => name.startsWith(first) && name.endsWith(last))
      .map((name) => name.slice(first.length, -last.length))
      .sort();
  },

  async open(homes, name) {
    const [first, last] = around(homes);
    const volume = `${first}${name}${last}`;
    const container = `${first}${name}-${role}`;
    const image = (await must(["inspect", "--format", "{{.Image}}", homes.instance])).trim();
    await must(["volume", "create", ...labels(homes, "data"), volume]);
    await dockerRun(["rm", "--force", container]);
    await must([
      ...["run", "--detach", "--rm", "--name", container, ...labels(homes, role), "--network", "none"],
      ...["--user", "10001:10001", "--read-only", "--cap-drop", "ALL", "--memory", "256m"],
      ...["--security-opt", "no-new-privileges:true", "--pids-limit", "64"],
      ...["--volume", `${volume}:${homes.path}`, "--entrypoint", "sleep", image, String(atMostSeconds)],
    ]);
    return {
      run: (command, options = {}) =>
        dockerRun(["exec", "--interactive", container, ...command], { input: "", ...options }),
      close: async () => void (await dockerRun(["rm", "--force", container])),
    };
  },
};

const around = ({ stack, key }: Homes): [first: string, last: string] => [
  `${instancePrefix(stack)}${key}-`,
  "-home",
];

const given = ({ stack, service }: Homes, ofRole: string): string[] => [
  `${labelNames.stack}=${stack}`,
  `${labelNames.service}=${service}`,
  `${labelNames.role}=${ofRole}`,
];
const labels = (homes: Homes, ofRole: string): string[] =>
  given(homes, ofRole).flatMap((label) => ["--label", label]);
const filters = (homes: Homes, ofRole: string): string[] =>
  given(homes, ofRole).flatMap((label) => ["--filter", `label=${label}`]);

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

async function must(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await dockerRun(args);
  if (code === 0) return stdout;
  throw new DatalabError("E_DOCKER", `docker ${args.slice(0, 2).join(" ")} failed: ${lastLines(stderr, 3)}`);
}
