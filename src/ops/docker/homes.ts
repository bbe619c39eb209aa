import { instancePrefix } from "../../model/names.ts";
import { homeGone, homeRole, openSeconds } from "../homes.ts";
import type { HomeHost, Homes } from "../target.ts";
import { dockerLines, dockerRun, dockerText } from "./cli.ts";
import { confinement, ensureDataVolume, labelled, labelsOf } from "./helper-container.ts";

/**
 * Homes as the agent's Docker proxy names them, see src/agent/confinement.ts: `<prefix><key>-<user>-home`.
 */
export const dockerHomes: HomeHost = {
  async list(homes) {
    const [first, last] = around(homes);
    const filters = labelsOf(homes.stack, homes.service, "data").flatMap((label) => [
      "--filter",
      `label=${label}`,
    ]);
    return (await dockerLines(["volume", "ls", ...filters, "--format", "{{.Name}}"]))
      .filter((name) => name.startsWith(first) && name.endsWith(last))
      .map((name) => name.slice(first.length, -last.length))
      .sort();
  },

  async open(homes, name, { make }) {
    const { stack, service, instance, path } = homes;
    const [first, last] = around(homes);
    const volume = `${first}${name}${last}`;
    const container = `${first}${name}-${homeRole}`;
    // A volume that is not there would be made by who mounts it.
    const isThere = async () => (await dockerRun(["volume", "inspect", volume])).code === 0;
    if (!make && !(await isThere())) throw homeGone(name);
    const image = (await dockerText(["inspect", "--format", "{{.Image}}", instance])).trim();
    if (make) await ensureDataVolume(stack, service, volume);
    await dockerRun(["rm", "--force", container]);
    await dockerText([
      ...["run", "--detach", "--rm", "--name", container, ...labelled(stack, service, homeRole)],
      ...["--network", "none", ...confinement, "--memory", "256m", "--pids-limit", "64"],
      ...["--volume", `${volume}:${path}`, "--entrypoint", "sleep", image, String(openSeconds)],
    ]);
    return {
      run: (command, { timeoutSeconds, ...options } = {}) =>
        dockerRun(["exec", "--interactive", container, ...command], {
          input: "",
          ...options,
          ...(timeoutSeconds !== undefined && { signal: AbortSignal.timeout(timeoutSeconds * 1000) }),
        }),
      close: async () => void (await dockerRun(["rm", "--force", container])),
    };
  },
};

const around = ({ stack, key }: Homes): [first: string, last: string] => [
  `${instancePrefix(stack)}${key}-`,
  "-home",
];
