/** What the sizes of the AWS target mean: the one table that resources, cost estimates and docs go by. */

import type { SizeName } from "../model/aws.ts";

export { type SizeName, sizeNames } from "../model/aws.ts";

export interface NodeGroupSize {
  readonly instanceType: string;
  readonly min: number;
  /** Count at the start; what moves it later is left alone. */
  readonly desired: number;
  readonly max: number;
  readonly diskGiB: number;
}

export interface Size {
  readonly summary: string;
  /** `single`: one gateway, whose zone can take the way out of all along; `zone`: one each. */
  readonly nat: "single" | "zone";
  /** `system` runs what must always run; `work` takes flow runs, executors and notebooks. */
  readonly nodes: Readonly<Record<"system" | "work", NodeGroupSize>>;
  readonly database: {
    readonly instanceClass: string;
    readonly storageGiB: number;
    /** Storage grows by itself up to this. */
    readonly maxStorageGiB: number;
    readonly multiAz: boolean;
    readonly backupDays: number;
    /** Days that Performance Insights keeps: 7 are free. */
    readonly insightsDays: number;
    /** max_connections that the class gives, which the alarm goes by. */
    readonly connections: number;
  };
  /** Days that CloudWatch keeps logs. */
  readonly logDays: number;
  /** Days that replaced and deleted versions of objects are kept. */
  readonly versionDays: number;
  /** Cores that Karpenter may have at once. */
  readonly karpenterCpu: number;
}

export const sizes: Readonly<Record<SizeName, Size>> = {
  S: {
    summary: "First production stack of a team: a database in one zone, one NAT gateway.",
    nat: "single",
    nodes: {
      system: { instanceType: "m7i.large", min: 2, desired: 2, max: 3, diskGiB: 50 },
      work: { instanceType: "m7i.xlarge", min: 1, desired: 1, max: 4, diskGiB: 100 },
    },
    database: {
      instanceClass: "db.t4g.medium",
      storageGiB: 50,
      maxStorageGiB: 200,
      multiAz: false,
      backupDays: 7,
      insightsDays: 7,
      connections: 400,
    },
    logDays: 30,
    versionDays: 14,
    karpenterCpu: 32,
  },
  M: {
    summary: "Survives the loss of a zone: a standby database, a NAT gateway in each zone.",
    nat: "zone",
    nodes: {
      system: { instanceType: "m7i.xlarge", min: 3, desired: 3, max: 6, diskGiB: 50 },
      work: { instanceType: "m7i.2xlarge", min: 1, desired: 2, max: 10, diskGiB: 200 },
    },
    database: {
      instanceClass: "db.m7g.large",
      storageGiB: 100,
      maxStorageGiB: 500,
      multiAz: true,
      backupDays: 14,
      insightsDays: 7,
      connections: 800,
    },
    logDays: 90,
    versionDays: 30,
    karpenterCpu: 128,
  },
  L: {
    summary: "Like M, for tens of people and hundreds of concurrent runs.",
    nat: "zone",
    nodes: {
      system: { instanceType: "m7i.2xlarge", min: 3, desired: 3, max: 9, diskGiB: 100 },
      work: { instanceType: "m7i.4xlarge", min: 2, desired: 4, max: 30, diskGiB: 300 },
    },
    database: {
      instanceClass: "db.m7g.2xlarge",
      storageGiB: 400,
      maxStorageGiB: 2000,
      multiAz: true,
      backupDays: 35,
      insightsDays: 31,
      connections: 3400,
    },
    logDays: 365,
    versionDays: 90,
    karpenterCpu: 512,
  },
};

/**
 * Services that are reached without leaving the VPC: an interface in each private subnet. S3 has a gateway,
 * for nothing.
 */
export const interfaceEndpoints = [
  "ec2",
  "ecr.api",
  "ecr.dkr",
  "elasticloadbalancing",
  "kms",
  "logs",
  "secretsmanager",
  "sts",
] as const;

export const natCount = (nat: Size["nat"], zones: number): number => (nat === "single" ? 1 : zones);
