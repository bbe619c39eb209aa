import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

// Parsed and stripped modules are kept for the next command; what is imported before this is not.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "datalab", "compile-cache"));

// A reader that goes away, such as `head`, ends the command without words.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
}

const { runProgram } = await import("./program.ts");
process.exitCode = await runProgram(process.argv.slice(2));
