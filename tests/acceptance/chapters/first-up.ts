import { type AddressInfo, connect, createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { labelled } from "../support/leftovers.ts";
import * as shapes from "../support/shapes.ts";
import { ports, type Stage } from "../support/stage.ts";

export function firstUp(stage: Stage): void {
  describe("the first up", () => {
    test("with a port taken exits 2, names port and holder, and makes nothing", async () => {
      const server = createServer().listen(ports.prefect, "127.0.0.1");
      await new Promise((listening) => server.once("listening", listening));
      try {
        const ran = await stage.project.datalab("up");
        expect(ran.code).toBe(2);
        const { port } = server.address() as AddressInfo;
        expect(ran.stderr).toContain(`services.prefect.ports.api: expected a free port, received ${port}`);
        expect(ran.stderr).toContain(`(pid ${process.pid})`);
        expect(ran.stderr).toContain("portOffset");
        expect(labelled(stage.project)).toEqual({ containers: [], networks: [], volumes: [] });
      } finally {
        await new Promise((closed) => server.close(closed));
      }
    });

    test("ends with 0, unattended, and every URL it prints answers", async () => {
      const text = await stage.up();
      const urls = text.match(/\b(?:https?|postgresql):\/\/127\.0\.0\.1:\d+\S*/g) ?? [];
      expect(urls.map((url) => Number(new URL(url).port)).sort()).toEqual(Object.values(ports).sort());
      for (const url of urls) await answers(url);
      expect(text).toMatch(/\(set-up \d+\.\d s, images \d+\.\d s, engine \d+\.\d s, readiness \d+\.\d s\)/);
    });

    test("platform status tells that every service is healthy, in the documented shape", async () => {
      const status = shapes.status.parse(await stage.project.json("platform", "status"));
      expect(status.stack).toBe(stage.project.stack);
      expect(status.services.map(({ name }) => name).sort()).toEqual([
        "core",
        "object-store",
        "postgres",
        "prefect",
      ]);
      for (const { name, state, checks } of status.services) {
        expect(state, name).toBe("healthy");
        expect(checks.length, name).toBeGreaterThan(0);
        expect(
          checks.every(({ ok }) => ok),
          name,
        ).toBe(true);
      }
    });
  });

  describe("a second up", () => {
    test("changes nothing", async () => {
      const result = shapes.upped.parse(await stage.project.json("up"));
      expect(Object.keys(result.changes)).toEqual(["same"]);
      expect(await stage.up()).toContain("0 changes");
    });

    test("leaves nothing for plain pulumi to change either", async () => {
      const ran = await stage.project.shell(
        `pulumi preview --stack ${stage.project.stack} --refresh --expect-no-changes --non-interactive`,
      );
      expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    });

    test("and preview says so in words", async () => {
      const ran = await stage.project.datalab("preview", "--expect-no-changes");
      expect(ran.code, ran.stderr).toBe(0);
      expect(ran.stdout).toContain("No changes.");
    });
  });
}

async function answers(url: string): Promise<void> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol.startsWith("http")) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) });
    await answer.arrayBuffer();
    // S3 has nothing to say to a stranger, and says that.
    expect(answer.status, url).toBeLessThan(500);
    return;
  }
  await new Promise<void>((connected, failed) => {
    const socket = connect(Number(port), hostname);
    socket.once("error", failed);
    socket.once("connect", () => {
      socket.destroy();
      connected();
    });
  });
}
