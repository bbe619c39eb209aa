import { createHash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { parallel } from "../object-store/inventory.ts";
import type { ExecOptions, HomeHost, Homes } from "../target.ts";
import { type Dumper, outputOf, printed } from "./dumper.ts";
import { homeScript } from "./home-script.ts";

/** What tar says of a file that its own owner may not read. */
const unreadable = /^tar: \.\/(.+): Warning: Cannot /;

/** Saves folders of people, each as a tar archive, and brings them back. */
export function homeDumper(host: HomeHost, homes: Homes): Dumper {
  const { service, workload, path } = homes;
  const loaded = new Map<string, string>();
  const call = async (name: string, word: string, options: ExecOptions = {}) => {
    const home = await host.open(homes, name);
    try {
      const ran = await home.run(["bash", "-c", homeScript, "home", word, path], options);
      return printed(ran, `The home of ${name} can't be used (${word})`);
    } finally {
      await home.close();
    }
  };
  const eachLoaded = (word: string) =>
    parallel(loaded.keys(), new AbortController().signal, async (name) => void (await call(name, word)));
  return {
    kind: "home",
    service,
    workload,
    list: () => host.list(homes),
    // Whose there is none yet gets one.
    refuses: async () => [],
    save: (name, onLeft) =>
      outputOf(async (output) => {
        const left: string[] = [];
        const onError = (line: string) => void left.push(...(unreadable.exec(line)?.slice(1) ?? []));
        await call(name, "save", { output, onError });
        const more = left.length > 1 ? ` and ${left.length - 1} more` : "";
        if (left[0] !== undefined) onLeft(`${left[0]}${more} in the home of ${name}`);
      }),
    load: async (name, dump) => void loaded.set(name, await call(name, "load", { input: dump })),
    digest: async (name) => loaded.get(name) ?? "no copy is loaded",
    async digestSaved(dump) {
      const hash = createHash("sha256");
      await pipeline(dump, hash);
      return hash.digest("hex");
    },
    swap: () => eachLoaded("swap"),
    discard: () => eachLoaded("discard"),
  };
}
