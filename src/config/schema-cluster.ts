import { z } from "zod";

/** `datalab:platform.kubernetes`: the cluster and its ingress. */

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const domain = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const name = (example: string) => z.string().regex(label, `a name such as "${example}"`);
const cidr = z
  .string()
  .regex(/^\d{1,3}(?:\.\d{1,3}){3}\/(?:3[0-2]|[12]?\d)$/, 'a range such as "10.0.0.0/8"');

const ingress = z
  .strictObject({
    host: z
      .string()
      .regex(domain, 'a domain such as "staging.lab.example.com"')
      .optional()
      .describe("Domain of the pages: https://<service>.<host>. Required."),
    class: name("nginx").default("traefik").describe("Ingress class that serves the pages."),
    port: z.int().min(1).max(65535).default(443).describe("Public HTTPS port of the ingress controller."),
    address: z
      .string()
      .regex(/^[A-Za-z0-9.-]+:\d{1,5}$/, 'an address such as "127.0.0.1:30443"')
      .optional()
      .describe(
        "Address of the ingress controller for the command line, as long as the DNS does not have the names.",
      ),
    tlsSecret: name("lab-tls")
      .optional()
      .describe(
        "Secret of the namespace with a certificate for *.<host>; if omitted, the stack creates a self-signed one.",
      ),
    namespace: name("ingress-nginx")
      .default("traefik")
      .describe("Namespace of the controller's pods; only they may reach the gateway from outside."),
  })
  .describe("Ingress: how users reach the pages.");

export const kubernetes = z
  .strictObject({
    context: z
      .string()
      .min(1)
      .optional()
      .describe(
        "Context of the kubeconfig that selects the cluster. Required with target: kubernetes; the current context is never used.",
      ),
    kubeconfig: z
      .string()
      .min(1)
      .optional()
      .describe("Path of the kubeconfig; default: $KUBECONFIG, else ~/.kube/config."),
    namespace: name("datalab-staging")
      .optional()
      .describe("Namespace of the stack; default: datalab-<stack>."),
    storageClass: name("gp3")
      .optional()
      .describe("Storage class of data volumes; default: the cluster's default class."),
    ingress: ingress.prefault({}),
    cpuOvercommit: z
      .number()
      .min(1)
      .max(20)
      .default(1)
      .describe("Overcommit factor for CPU: pods request the CPU of their resources divided by this."),
    pullSecrets: z
      .array(name("registry"))
      .default([])
      .describe("Secrets of the namespace, of the type dockerconfigjson, with the registry's login."),
    apiServer: z
      .array(cidr)
      .min(1)
      .default(["0.0.0.0/0"])
      .describe(
        "Address ranges of the cluster's API server; workloads that manage pods may reach these on 443 and 6443.",
      ),
  })
  .describe("Cluster settings for the targets that run on Kubernetes.");

/** Number of replicas of a part: fixed, or a range for an autoscaler. */
export const scale = z.union([
  z.strictObject({ replicas: z.int().min(1).max(100).describe("Fixed number of replicas.") }),
  z
    .strictObject({
      min: z.int().min(1).max(100).default(1).describe("Minimum number of replicas."),
      max: z.int().min(2).max(100).describe("Maximum number of replicas."),
      cpuPercent: z
        .int()
        .min(10)
        .max(100)
        .default(75)
        .describe("CPU usage, in per cent of the part's CPU share, above which more replicas start."),
    })
    .refine(({ min, max }) => min < max, "min below max"),
]);
