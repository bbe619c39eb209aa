import type { PlatformModel } from "../../model/platform.ts";
import { setStackValue, stackValues } from "../engine/stack.ts";
import type { IngressRoute } from "../services/ingress-route.ts";

const keys = {
  key: "datalab:tlsKey",
  certificate: "datalab:tlsCertificate",
  authority: "datalab:tlsAuthority",
};

/**
 * How programs here get into a stack of a cluster; null where it runs on one host. Makes what the way in
 * shows for itself, unless somebody else answers for that: once, and again when its domain has changed or its
 * time is over.
 */
export async function prepareIngress(
  project: string,
  { stack, cluster }: PlatformModel,
): Promise<IngressRoute | null> {
  if (!cluster) return null;
  const { address, host, tlsSecret } = cluster.ingress;
  if (tlsSecret !== null) return { address, ca: null };
  const values = stackValues(project, stack);
  const [certificate = "", authority = ""] = [values.get(keys.certificate), values.get(keys.authority)];
  const { makeCertificate, whyRenew } = await import("./certificate.ts");
  if (whyRenew({ certificate, authority }, host) === undefined) return { address, ca: authority };
  const made = await makeCertificate(host, stack);
  // In this order: until the last is there, certificate and authority don't fit, and all three are made
  // again.
  await setStackValue(project, stack, keys.authority, made.authority, "plaintext");
  await setStackValue(project, stack, keys.key, made.key, "secret");
  await setStackValue(project, stack, keys.certificate, made.certificate, "plaintext");
  return { address, ca: made.authority };
}
