import { type Cidr, contains, formatCidr, overlaps, parseCidr, part } from "../config/cidr.ts";
import { narrowestVpc, widestVpc } from "../model/aws.ts";

/** The address plan of a VPC: a subnet of each kind per availability zone, in the order of the zones. */
export interface SubnetPlan {
  /**
   * Nodes and pods: the VPC CNI gives every pod an address of its own, so these have nearly all of the space.
   */
  readonly private: readonly string[];
  /** NAT gateways and load balancers. */
  readonly public: readonly string[];
  /** Database and file systems: no way in or out of the VPC. */
  readonly data: readonly string[];
}

export const maxZones = 3;

/**
 * Three quarters of the VPC are private subnets, one quarter a zone; the last quarter is cut into eight:
 * public ones first, data ones from the fifth on. The plan of a zone does not depend on how many there are:
 * adding one moves nothing.
 */
export function planSubnets(vpc: string, zones: number): SubnetPlan {
  const range = parseCidr(vpc);
  if (!range || range.prefix < widestVpc || range.prefix > narrowestVpc) {
    throw new RangeError(`expected a range from /${widestVpc} to /${narrowestVpc}, received ${vpc}`);
  }
  if (!Number.isInteger(zones) || zones < 1 || zones > maxZones) {
    throw new RangeError(`expected 1 to ${maxZones} zones, received ${zones}`);
  }
  const quarter = (n: number) => part(range, range.prefix + 2, n);
  const rest = quarter(3);
  const each = (subnet: (zone: number) => Cidr) =>
    Array.from({ length: zones }, (_, zone) => formatCidr(subnet(zone)));
  return {
    private: each(quarter),
    public: each((zone) => part(rest, rest.prefix + 3, zone)),
    data: each((zone) => part(rest, rest.prefix + 3, 4 + zone)),
  };
}

/** Addresses of Kubernetes services: outside of the VPC, and nowhere else in use. */
export function serviceCidr(vpc: string): string {
  const range = parseCidr(vpc);
  const candidates = ["172.20.0.0/16", "10.100.0.0/16"];
  const free = candidates.find((text) => range && !overlaps(range, parseCidr(text) as Cidr));
  if (!free) throw new RangeError(`expected a range beside ${candidates.join(" and ")}, received ${vpc}`);
  return free;
}

/** The cluster's name server: the tenth address of the services' range, by Kubernetes' own rule. */
export function dnsAddress(services: string): string {
  const range = parseCidr(services);
  if (!range || !contains(range, { base: range.base + 10, prefix: 32 })) {
    throw new RangeError(`expected a range of at least 16 addresses, received ${services}`);
  }
  return formatCidr({ base: range.base + 10, prefix: 32 }).replace("/32", "");
}
