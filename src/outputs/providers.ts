import type { Capability } from "../model/capability.ts";
import type { PlatformOutput } from "./platform.ts";

type EndpointOutput = PlatformOutput["services"][number]["endpoints"][number];

/** The endpoint where a capability is answered; undefined: the stack has nothing that provides it. */
export function endpointOf(platform: PlatformOutput, capability: Capability): EndpointOutput | undefined {
  const provider = platform.providers?.[capability];
  return platform.services
    .find(({ name }) => name === provider?.service)
    ?.endpoints.find((e) => e.workload === provider?.workload && e.name === provider?.endpoint);
}

/** How a stack comes to have a capability that it lacks. */
export function howToProvide({ stack, providers }: PlatformOutput, capability: Capability): string {
  const service = providers?.[capability]?.service;
  return service
    ? `Enable services.${service} in Pulumi.${stack}.yaml.`
    : `./datalab up --stack ${stack} deploys the stack as this version describes it.`;
}
