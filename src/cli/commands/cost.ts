import { type AnyCommand, contextOf, examples } from "../terminal/options.ts";
import { print, printJson, table } from "../terminal/output.ts";

export function register(program: AnyCommand): void {
  const cost = program
    .command("cost")
    .description(
      "Estimate the monthly cost of a stack on AWS from list prices. Works offline, changes nothing.",
    )
    .option("--size <size>", "size S, M or L (default: the configured size)")
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
        `Size ${told.size}: ${money(told.fixed)} ${told.currency} a month without any usage, ${money(told.total)} with the assumed usage.`,
      );
      print(
        `List prices of ${told.region} of ${told.date}: check them before you rely on them. Tax, discounts and outbound transfer are not included.`,
      );
    });
  examples(cost, [
    ["./datalab cost --stack prod", "the cost of prod"],
    ["./datalab cost --stack prod --size L --json", "the cost at size L"],
  ]);
}
