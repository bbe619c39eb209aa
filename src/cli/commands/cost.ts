import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { print, printJson, table } from "../terminal/output.ts";

export function register(program: AnyCommand): void {
  const cost = program
    .command("cost")
    .description(
      "Estimate what a stack on AWS costs in a month, by list prices. Asks nobody, changes nothing.",
    )
    .option("--size <size>", "another size than the configured one: S, M or L")
    .action(async (options, command) => {
      const { stack, project, json } = contextOf(command);
      const { costOf } = await import("../../ops/cost.ts");
      const told = costOf(project, stack, options.size);
      if (json) {
        printJson(told);
        return;
      }
      const money = (value: number) => value.toFixed(2);
      const rows = [...told.lines, ...told.usage].map(({ item, quantity, unit, unitPrice, monthly }) => [
        item,
        quantity,
        unit,
        String(unitPrice),
        money(monthly),
      ]);
      print(await table(["ITEM", "QUANTITY", "UNIT", "EACH", told.currency], rows));
      print(
        `Size ${told.size}: ${money(told.fixed)} ${told.currency} a month whether it is used or not, ${money(told.total)} with an assumed use.`,
      );
      print(
        `List prices of ${told.region} as known on ${told.date}: check before you trust them. Without tax, discounts and transfer out.`,
      );
    });
  examples(cost, [
    ["./datalab cost --stack prod", "what does prod cost?"],
    ["./datalab cost --stack prod --size L --json", "and what at size L?"],
  ]);
}
