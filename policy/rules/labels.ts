import { docker, labelOf, type Resource, type ResourceRule } from "./rule.ts";

const stack = "datalab.stack";
const service = "datalab.service";

/** Kinds that belong to a service rather than to the stack as a whole. */
const servicesOwn: readonly string[] = [docker.container, docker.volume];

/** Kinds of AWS that carry tags; whatever costs money is among them. */
const tagged =
  /^aws:(?:s3\/bucket(?:V2)?:|rds\/(?:instance|cluster|subnetGroup):|efs\/fileSystem:|eks\/(?:cluster|nodeGroup):|ec2\/(?:vpc|subnet|securityGroup|natGateway|eip|vpcEndpoint):|kms\/key:|ecr\/repository:|secretsmanager\/secret:|iam\/role:|cloudwatch\/logGroup:)/;

export const labels: ResourceRule = {
  name: "labels",
  summary: "Every resource has the label of its stack.",
  check(resource) {
    const { type, props } = resource;
    if (type.startsWith("docker:")) {
      const wanted = Object.values(docker).includes(type as never) ? [stack] : [];
      return missing(resource, servicesOwn.includes(type) ? [stack, service] : wanted);
    }
    // What a list or a patch names is somebody else's.
    if (/^kubernetes:.*(?<!List|Patch)$/.test(type) && props.metadata !== undefined)
      return missing(resource, [stack]);
    if (tagged.test(type)) {
      const tags = { ...props.tagsAll, ...props.tags };
      return tags[stack] ? [] : [`expected the tag ${stack}, received none`];
    }
    return [];
  },
};

const missing = (resource: Resource, wanted: readonly string[]): string[] =>
  wanted
    .filter((label) => !labelOf(resource, label))
    .map((label) => `expected the label ${label}, received none`);
