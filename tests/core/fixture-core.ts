/** A core as a process of its own, with check functions that behave in the ways checks can behave. */
import { runCore } from "../../src/core/run.ts";
import { defineService } from "../../src/model/service.ts";

const never = new Promise<never>(() => {});
let flips = 0;

const fixture = defineService({
  name: "fixture",
  summary: "Every way a check can behave.",
  version: "1",
  needs: {},
  parts: {},
  backup: "none",
  collectors: {
    counts: {
      summary: "counts things",
      run: async () => [{ name: "datalab_fixture_things", help: "Things.", labels: { kind: "a" }, value: 2 }],
    },
  },
  checks: {
    passes: { summary: "passes", run: async () => "all is well" },
    fails: { summary: "fails", run: async () => Promise.reject(new Error("the table is gone")) },
    throws: {
      summary: "throws before its first await",
      run: () => {
        throw new TypeError("not a promise");
      },
    },
    leaks: {
      summary: "puts its secrets into the message",
      run: async ({ needs, secrets }) => {
        const { password, secretKey } = needs.db as { password: string; secretKey: string };
        const basic = Buffer.from(`admin:${secrets.admin}`).toString("base64");
        throw new Error(`${password} then ${secretKey} then ${secrets.admin} then Basic ${basic}`, {
          cause: new Error(`postgresql://prefect:${password}@postgres/prefect`),
        });
      },
    },
    obeys: {
      summary: "waits for its signal",
      run: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    },
    hangs: { summary: "ignores its signal", run: () => never },
    crashes: {
      summary: "fails outside of its promise",
      run: async () => {
        setTimeout(() => {
          throw new Error("out of band");
        }, 1);
        void Promise.reject(new Error("unhandled"));
        await new Promise((resolve) => setTimeout(resolve, 20));
        return "still here";
      },
    },
    slow: {
      summary: "takes 300 ms and says which run it was",
      run: async () => {
        const mine = ++flips;
        await new Promise((resolve) => setTimeout(resolve, 300));
        return `run ${mine}`;
      },
    },
    recovers: {
      summary: "passes from its second run on",
      run: async () => {
        if (++flips < 2) throw new Error("not yet");
        return undefined;
      },
    },
  },
});

await runCore([fixture]);
