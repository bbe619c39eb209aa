import { interruptible } from "../terminal/interrupt.ts";
import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { print, printJson, table } from "../terminal/output.ts";
import { createReporter } from "../terminal/progress.ts";

export function register(program: AnyCommand): void {
  const images = program.command("images").description("Build, push, list and prune container images.");

  const build = images
    .command("build [names...]")
    .description("Build missing images: the named ones, or all that the stack needs.")
    .action(async (names: string[], _options, command) => {
      const { stack, project, json, verbose } = contextOf(command);
      const reporter = createReporter();
      try {
        const { ensureImages } = await import("../../images/build.ts");
        const { imagesOf } = await import("../../model/images.ts");
        const { declare } = await import("../../declare.ts");
        const wanted = names.length > 0 ? names : imagesOf(declare(project, stack).model);
        const report = await ensureImages(wanted, { onProgress: (line) => reporter.log(line), verbose });
        if (json) printJson(report);
        else
          print(
            report.built.length === 0
              ? "All images exist."
              : `Built ${report.built.map((b) => b.tag).join(", ")}`,
          );
      } finally {
        reporter.close();
      }
    });
  examples(build, [
    ["./datalab images build", "all that the dev stack needs"],
    ["./datalab images build test", "one image, with its parents"],
  ]);

  const push = images
    .command("push")
    .description("Push the stack's images to a registry, and write their digests into the stack's file.")
    .requiredOption("--to <registry>", "registry, with a path if it has one")
    .option("--force", "also push images that the registry already has")
    .action(async (options, command) => {
      const { stack, project, json, verbose } = contextOf(command);
      const reporter = createReporter();
      try {
        const { pushImages } = await import("../../ops/release/images-push.ts");
        const result = await pushImages({
          project,
          stack,
          to: options.to,
          force: options.force === true,
          reporter,
          signal: interruptible(),
          ...(verbose && { onBuildLine: (line: string) => reporter.log(line) }),
        });
        reporter.close();
        if (json) return printJson(result);
        const rows = result.images.map((i) => [i.name, i.digest, i.skipped ? "already there" : "pushed"]);
        print(await table(["IMAGE", "DIGEST", ""], rows));
      } finally {
        reporter.close();
      }
    });
  examples(push, [
    ["./datalab images push --stack staging --to registry.example.com/datalab", "for a cluster"],
    ["./datalab images push --stack staging --to 127.0.0.1:5000/datalab", "a registry on this machine"],
  ]);

  images
    .command("list")
    .description("List the images, their tags, and whether this machine has them.")
    .action(async (_options, command) => {
      const { json } = contextOf(command);
      const [{ Catalog, imageNames }, { missingImages }] = await Promise.all([
        import("../../images/catalog.ts"),
        import("../../images/build.ts"),
      ]);
      const catalog = new Catalog();
      const missing: readonly string[] = await missingImages(imageNames, catalog);
      const rows = imageNames.map((name) => ({
        name,
        tag: catalog.tag(name),
        present: !missing.includes(name),
      }));
      if (json) printJson(rows);
      else
        print(
          await table(
            ["IMAGE", "TAG", "HERE"],
            rows.map((r) => [r.name, r.tag, r.present ? "yes" : "no"]),
          ),
        );
    });

  images
    .command("prune")
    .description("Remove earlier versions of the images that no container uses.")
    .action(async (_options, command) => {
      const { json } = contextOf(command);
      const { pruneImages } = await import("../../images/build.ts");
      const removed = await pruneImages();
      if (json) printJson(removed);
      else print(removed.length === 0 ? "Nothing to remove." : `Removed ${removed.join(", ")}`);
    });
}
