import type { PlatformOutput, ServiceOutput } from "./platform.ts";

/** Whether a service is the one that is asked how the platform is. */
export function isCore({ core }: PlatformOutput, { endpoints }: ServiceOutput): boolean {
  return endpoints.some(({ url }) => url !== null && sameOrigin(url, core.url));
}

/** Name of the service whose token opens the platform; undefined without a gateway. */
export function gatewayName({ core }: PlatformOutput): string | undefined {
  return core.token?.split("/")[0];
}

function sameOrigin(a: string, b: string): boolean {
  return URL.canParse(a) && URL.canParse(b) && new URL(a).origin === new URL(b).origin;
}
