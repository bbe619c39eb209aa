import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

// Compiled modules are cached for the next command, except those imported before this line.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "datalab", "compile-cache"));

// If the reader closes the pipe, as `head` does, the command ends without a message.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
}

const { runProgram } = await import("./program.ts");
process.exitCode = await runProgram(process.argv.slice(2));
