import { z } from "zod";
import { narrowestVpc, sizeNames, widestVpc } from "../model/aws-bounds.ts";
import { isPrivate, parseCidr } from "./cidr.ts";

/** `datalab:platform.aws`: the account, and what is made in it for the cluster to stand on. */

const range = (example: string) =>
  z
    .string()
    .refine((text) => parseCidr(text) !== undefined, { error: `a range such as "${example}"` })
    .meta({ examples: [example] });

const vpcExpected = `a private range from /${widestVpc} to /${narrowestVpc} such as "10.64.0.0/16"`;
const vpcCidr = z
  .string()
  .refine(
    (text) => {
      const vpc = parseCidr(text);
      return vpc !== undefined && isPrivate(vpc) && vpc.prefix >= widestVpc && vpc.prefix <= narrowestVpc;
    },
    { error: vpcExpected },
  )
  .meta({ examples: ["10.64.0.0/16"] });

const email = z.string().regex(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, 'an address such as "lab@example.com"');

export const aws = z
  .strictObject({
    accountId: z
      .string()
      .regex(/^\d{12}$/, "an account of 12 digits, in quotes")
      .optional()
      .describe("The account. Required with target: aws; credentials of another one are refused."),
    region: z
      .string()
      .regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/, 'a region such as "eu-central-1"')
      .optional()
      .describe("The region. Required with target: aws."),
    size: z
      .enum(sizeNames)
      .default("M")
      .describe("Nodes, database, NAT gateways and retention in one word; docs/aws.md has the table."),
    vpcCidr: vpcCidr
      .default("10.64.0.0/16")
      .describe(
        "Addresses of the VPC. It can't be changed later, and must not meet networks that it is joined with.",
      ),
    zones: z
      .array(z.string().regex(/^[a-f]$/, 'the letter of a zone such as "a"'))
      .min(2)
      .max(3)
      .refine((zones) => new Set(zones).size === zones.length, { error: "zones that differ" })
      .default(["a", "b", "c"])
      .describe("Availability zones of the region. More may be added at the end; the order must stay."),
    nat: z
      .enum(["size", "single", "zone"])
      .default("size")
      .describe("NAT gateways: as the size says, one for all zones, or one in each."),
    kubernetesVersion: z
      .string()
      .regex(/^1\.\d{2}$/, 'a version such as "1.33"')
      .default("1.33")
      .describe("Version of the cluster; it can be raised by one at a time, and never lowered."),
    karpenter: z
      .boolean()
      .default(false)
      .describe(
        "Whether Karpenter adds nodes for what finds no place; without it, groups have fixed bounds.",
      ),
    apiCidrs: z
      .array(
        range("203.0.113.0/24").refine((text) => text !== "0.0.0.0/0", {
          error: "ranges that are not the whole internet",
        }),
      )
      .default([])
      .describe("Who reaches the cluster's API from outside of the VPC; empty: nobody."),
    accessRoles: z
      .array(z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/, "the ARN of an IAM role"))
      .default([])
      .describe("IAM roles that administer the cluster, beside who creates it."),
    ingressCidrs: z
      .array(range("203.0.113.0/24"))
      .default([])
      .describe(
        "Who reaches the load balancer of the pages; empty: only the VPC, whose load balancer is internal then.",
      ),
    certificateArn: z
      .string()
      .regex(/^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate\/.+$/, "the ARN of a certificate")
      .optional()
      .describe("Certificate for *.<kubernetes.ingress.host> that the load balancer shows."),
    budget: z
      .strictObject({
        monthlyUsd: z
          .number()
          .min(1)
          .optional()
          .describe("What a month may cost; absent: half as much again as the estimate of the size."),
        emails: z.array(email).default([]).describe("Who is told of the budget and of alarms."),
      })
      .prefault({})
      .describe("What it may cost, and who is told."),
    deletionProtection: z
      .boolean()
      .default(true)
      .describe(
        "Whether database, cluster, buckets and keys refuse to be deleted. Apply false before a destroy.",
      ),
  })
  .describe("The account and the sizes, for the target aws.");
