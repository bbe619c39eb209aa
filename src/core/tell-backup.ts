import { basicAuth } from "../model/basic-auth.ts";
import { readCoreFiles } from "./files.ts";

/**
 * Tells the core that runs beside this process of a backup that was read back whole. Throws what it answers
 * when it refuses.
 */
export async function tellBackup(at: string, directory: string, port: number): Promise<void> {
  const { alerts } = await readCoreFiles(directory);
  if (!alerts) throw new Error("this core accepts no reports of backups: it has no login for them");
  const answer = await fetch(`http://127.0.0.1:${port}/backup`, {
    method: "POST",
    headers: { authorization: basicAuth(alerts) },
    body: JSON.stringify({ at }),
    signal: AbortSignal.timeout(10_000),
  });
  if (!answer.ok) throw new Error(`the core answered ${answer.status}: ${(await answer.text()).trim()}`);
}
