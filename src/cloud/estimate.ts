import prices from "./prices.json" with { type: "json" };
import { interfaceEndpoints, natCount, type SizeName, sizes } from "./sizes.ts";

export interface CostLine {
  readonly item: string;
  readonly quantity: number;
  readonly unit: string;
  /** Of one unit for one month. */
  readonly unitPrice: number;
  /** Rounded to cents. */
  readonly monthly: number;
}

export interface Estimate {
  readonly size: SizeName;
  /** Day that the prices were written down, and the region that they are of. */
  readonly date: string;
  readonly region: string;
  readonly currency: string;
  readonly lines: readonly CostLine[];
  /** Of what is there whether it is used or not. */
  readonly fixed: number;
  /** The assumed use of a month, which the bill goes by. */
  readonly usage: readonly CostLine[];
  readonly total: number;
}

export interface EstimateOptions {
  readonly zones: number;
  readonly nat: "single" | "zone" | "size";
  /** A month's use; what is not said is assumed. */
  readonly use?: Partial<Use>;
}

export interface Use {
  readonly objectsGiB: number;
  readonly filesGiB: number;
  readonly logsGiB: number;
  readonly natGiB: number;
  readonly imagesGiB: number;
  readonly volumesGiB: number;
}

/** What a team of the size keeps and moves in a month, for want of yours. */
const assumed: Readonly<Record<SizeName, Use>> = {
  S: { objectsGiB: 500, filesGiB: 50, logsGiB: 20, natGiB: 50, imagesGiB: 20, volumesGiB: 100 },
  M: { objectsGiB: 5_000, filesGiB: 250, logsGiB: 100, natGiB: 250, imagesGiB: 30, volumesGiB: 300 },
  L: { objectsGiB: 50_000, filesGiB: 1_000, logsGiB: 500, natGiB: 1_000, imagesGiB: 50, volumesGiB: 1_000 },
};

const cents = (value: number): number => Math.round(value * 100 + Number.EPSILON) / 100;
const sum = (lines: readonly CostLine[]): number =>
  cents(lines.reduce((all, { monthly }) => all + monthly, 0));

type Hourly = keyof typeof prices.perHour;
type Monthly = keyof typeof prices.perMonth;

const perHour: Readonly<Record<string, number>> = prices.perHour;

/** Throws for what has no price, so that a new instance type is not taken for free. */
function hourly(item: string, count: number, key: Hourly | string): CostLine {
  const price = perHour[key];
  if (price === undefined) throw new RangeError(`the price table has nothing under ${key}`);
  const unitPrice = price * prices.hoursPerMonth;
  return {
    item,
    quantity: count,
    unit: "month",
    unitPrice: cents(unitPrice),
    monthly: cents(count * unitPrice),
  };
}

function monthly(item: string, quantity: number, unit: string, key: Monthly): CostLine {
  const unitPrice = prices.perMonth[key];
  return { item, quantity, unit, unitPrice, monthly: cents(quantity * unitPrice) };
}

/** Keys, secrets and alarms that a stack has, whatever its size; a test counts them among the resources. */
export const counted = { keys: 4, secrets: 2 } as const;
export const alarmCount = (nats: number): number => 4 + 2 + nats;

/**
 * What a size costs in a month by list prices: at the desired count of nodes, without discounts, tax and
 * transfer out.
 */
export function estimate(size: SizeName, options: EstimateOptions): Estimate {
  const { nodes, database, nat: ownNat } = sizes[size];
  const nats = natCount(options.nat === "size" ? ownNat : options.nat, options.zones);
  const standby = database.multiAz ? 2 : 1;
  const use = { ...assumed[size], ...options.use };
  const lines = [
    hourly("EKS control plane", 1, "eks.cluster"),
    ...Object.entries(nodes).flatMap(([name, group]) => [
      hourly(`nodes ${name}: ${group.instanceType}`, group.desired, `ec2.${group.instanceType}`),
      monthly(`disks of nodes ${name}`, group.desired * group.diskGiB, "GiB", "ebs.gp3.GiB"),
    ]),
    hourly("NAT gateways", nats, "nat.gateway"),
    hourly("public addresses of NAT gateways", nats, "ip.public"),
    hourly(
      `VPC endpoints: ${interfaceEndpoints.length} in ${options.zones} zones`,
      interfaceEndpoints.length * options.zones,
      "vpc.endpoint",
    ),
    hourly("load balancer", 1, "elb.application"),
    // A standby costs what the instance costs.
    hourly(
      `database: ${database.instanceClass}${database.multiAz ? ", with a standby" : ""}`,
      standby,
      `rds.${database.instanceClass}`,
    ),
    monthly("storage of the database", standby * database.storageGiB, "GiB", "rds.gp3.GiB"),
    monthly("KMS keys", counted.keys, "key", "kms.key"),
    monthly("secrets", counted.secrets, "secret", "secret"),
    monthly("alarms", alarmCount(nats), "alarm", "alarm"),
  ];
  const usage = [
    monthly("objects", use.objectsGiB, "GiB", "s3.standard.GiB"),
    monthly("files of notebooks", use.filesGiB, "GiB", "efs.standard.GiB"),
    monthly("volumes", use.volumesGiB, "GiB", "ebs.gp3.GiB"),
    monthly("logs taken in", use.logsGiB, "GiB", "logs.ingested.GiB"),
    monthly("images", use.imagesGiB, "GiB", "ecr.GiB"),
    monthly("through NAT gateways", use.natGiB, "GiB", "nat.processed.GiB"),
  ];
  const fixed = sum(lines);
  const { date, region, currency } = prices;
  return { size, date, region, currency, lines, fixed, usage, total: cents(fixed + sum(usage)) };
}
