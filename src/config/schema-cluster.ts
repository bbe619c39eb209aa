import { z } from "zod";

/** `datalab:platform.kubernetes`: which cluster, and how people get in. */

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
      .describe("Domain that pages are opened below: https://<service>.<host>. Required."),
    class: name("nginx").default("traefik").describe("Ingress class that serves them."),
    port: z
      .int()
      .min(1)
      .max(65535)
      .default(443)
      .describe("Port that people reach the ingress controller at."),
    address: z
      .string()
      .regex(/^[A-Za-z0-9.-]+:\d{1,5}$/, 'an address such as "127.0.0.1:30443"')
      .optional()
      .describe("Where the command line finds the controller while the names are in no DNS."),
    tlsSecret: name("lab-tls")
      .optional()
      .describe(
        "Secret of the namespace with a certificate for *.<host>; absent: the stack makes one and signs it itself.",
      ),
    namespace: name("ingress-nginx")
      .default("traefik")
      .describe("Namespace of the controller's pods: they alone reach the gateway from outside."),
  })
  .describe("How people get in.");

export const kubernetes = z
  .strictObject({
    context: z
      .string()
      .min(1)
      .optional()
      .describe(
        "Context of the kubeconfig that names the cluster. Required with target: kubernetes; never guessed.",
      ),
    kubeconfig: z
      .string()
      .min(1)
      .optional()
      .describe("Path of the kubeconfig; absent: $KUBECONFIG, else ~/.kube/config."),
    namespace: name("datalab-staging")
      .optional()
      .describe("Namespace of the stack; absent: datalab-<stack>."),
    storageClass: name("gp3")
      .optional()
      .describe("Storage class of data volumes; absent: the cluster's default."),
    ingress: ingress.prefault({}),
    cpuOvercommit: z
      .number()
      .min(1)
      .max(20)
      .default(1)
      .describe("How often a core may be promised: pods ask for the CPU of their resources divided by this."),
    pullSecrets: z
      .array(name("registry"))
      .default([])
      .describe("Secrets of the namespace, of type dockerconfigjson, that open the registry."),
    apiServer: z
      .array(cidr)
      .min(1)
      .default(["0.0.0.0/0"])
      .describe(
        "Address ranges of the cluster's API server: what manages pods may reach these, on 443 and 6443.",
      ),
  })
  .describe("The cluster, for the targets that run on Kubernetes.");

/** How many of a part there are: a fixed count, or bounds that the target moves between. */
export const scale = z.union([
  z.strictObject({ replicas: z.int().min(1).max(100).describe("How many, always.") }),
  z
    .strictObject({
      min: z.int().min(1).max(100).default(1).describe("How many at least."),
      max: z.int().min(2).max(100).describe("How many at most."),
      cpuPercent: z
        .int()
        .min(10)
        .max(100)
        .default(75)
        .describe("Use of the CPU that it counts on, in per cent, which more of them are started above."),
    })
    .refine(({ min, max }) => min < max, "min below max"),
]);
