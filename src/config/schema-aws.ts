import { z } from "zod";
import { narrowestVpc, sizeNames, widestVpc } from "../model/aws.ts";
import { isPrivate, parseCidr } from "./cidr.ts";

/** `datalab:platform.aws`: the account, and the foundation that is created in it. */

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
      .describe("AWS account. Required with target: aws; credentials of another account are refused."),
    region: z
      .string()
      .regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/, 'a region such as "eu-central-1"')
      .optional()
      .describe("AWS region. Required with target: aws."),
    size: z
      .enum(sizeNames)
      .default("M")
      .describe("Size of nodes, database, NAT gateways and retention; see the table in docs/aws.md."),
    vpcCidr: vpcCidr
      .default("10.64.0.0/16")
      .describe(
        "Address range of the VPC. It can't be changed later, and must not overlap networks that are connected to it.",
      ),
    zones: z
      .array(z.string().regex(/^[a-f]$/, 'the letter of a zone such as "a"'))
      .min(2)
      .max(3)
      .refine((zones) => new Set(zones).size === zones.length, { error: "distinct zones" })
      .default(["a", "b", "c"])
      .describe("Availability zones of the region. You may add more at the end; the order must not change."),
    nat: z
      .enum(["size", "single", "zone"])
      .default("size")
      .describe("Number of NAT gateways: by size, one for all zones, or one per zone."),
    kubernetesVersion: z
      .string()
      .regex(/^1\.\d{2}$/, 'a version such as "1.33"')
      .default("1.33")
      .describe("Kubernetes version of the cluster; raise it one version at a time, it can't be lowered."),
    karpenter: z
      .boolean()
      .default(false)
      .describe(
        "Whether Karpenter adds nodes for pods that do not fit; without it, node groups have fixed bounds.",
      ),
    apiCidrs: z
      .array(
        range("203.0.113.0/24").refine((text) => text !== "0.0.0.0/0", {
          error: "ranges that are not the whole internet",
        }),
      )
      .default([])
      .describe("Address ranges that may reach the cluster's API from outside of the VPC; empty: none."),
    accessRoles: z
      .array(z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/, "the ARN of an IAM role"))
      .default([])
      .describe("IAM roles that administer the cluster, in addition to its creator."),
    ingressCidrs: z
      .array(range("203.0.113.0/24"))
      .default([])
      .describe(
        "Address ranges that may reach the load balancer of the pages; empty: only the VPC, and the load balancer is internal.",
      ),
    certificateArn: z
      .string()
      .regex(/^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate\/.+$/, "the ARN of a certificate")
      .optional()
      .describe("Certificate for *.<kubernetes.ingress.host> that the load balancer uses."),
    budget: z
      .strictObject({
        monthlyUsd: z
          .number()
          .min(1)
          .optional()
          .describe(
            "Monthly budget in US dollars; if omitted, one and a half times the estimate for the size.",
          ),
        emails: z
          .array(email)
          .default([])
          .describe("E-mail addresses that receive budget notices and alarms."),
      })
      .prefault({})
      .describe("Monthly budget, and who is notified."),
    deletionProtection: z
      .boolean()
      .default(true)
      .describe(
        "Whether database, cluster, buckets and keys are protected from deletion. Deploy false before a destroy.",
      ),
  })
  .describe("Account and sizes for the target aws.");
