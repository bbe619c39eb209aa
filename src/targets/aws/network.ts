import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { interfaceEndpoints } from "../../cloud/sizes.ts";
import { planSubnets } from "../../cloud/subnets.ts";
import { document } from "./iam.ts";
import { natsOf, Part, type Stage } from "./stage.ts";

export interface Network {
  readonly vpc: aws.ec2.Vpc;
  /** In the order of the zones. */
  readonly subnets: Readonly<Record<"private" | "public" | "data", readonly aws.ec2.Subnet[]>>;
  readonly nats: readonly aws.ec2.NatGateway[];
  /** What whoever starts in a private subnet needs: the way out, and the endpoints. */
  readonly ready: readonly pulumi.Resource[];
}

type Kind = keyof Network["subnets"];

/** What tells the load balancer controller, and Karpenter, which subnets are for what. */
const roleTags: Readonly<Record<Kind, (cluster: string) => Record<string, string>>> = {
  private: (cluster) => ({ "kubernetes.io/role/internal-elb": "1", "karpenter.sh/discovery": cluster }),
  public: () => ({ "kubernetes.io/role/elb": "1" }),
  data: () => ({}),
};

export function createNetwork(stage: Stage): Network {
  const part = new Part("Network", "network", stage);
  const { account, name } = stage;
  const options = { parent: part };
  const vpc = new aws.ec2.Vpc(
    "network",
    {
      cidrBlock: account.vpcCidr,
      instanceTenancy: "default",
      enableDnsSupport: true,
      enableDnsHostnames: true,
      tags: part.tags(),
    },
    options,
  );
  // Whoever forgets to name a group gets this one, which lets nothing through.
  new aws.ec2.DefaultSecurityGroup(
    part.child("default"),
    { vpcId: vpc.id, ingress: [], egress: [], tags: part.tags("default") },
    options,
  );

  const plan = planSubnets(account.vpcCidr, account.zones.length);
  const subnetsOf = (kind: Kind) =>
    account.zones.map(
      (zone, i) =>
        new aws.ec2.Subnet(
          part.child(`${kind}-${zone.slice(-1)}`),
          {
            vpcId: vpc.id,
            cidrBlock: plan[kind][i] as string,
            availabilityZone: zone,
            mapPublicIpOnLaunch: false,
            tags: { ...part.tags(`${kind}-${zone.slice(-1)}`), ...roleTags[kind](name) },
          },
          options,
        ),
    );
  const subnets = { private: subnetsOf("private"), public: subnetsOf("public"), data: subnetsOf("data") };
  const routes = createRoutes(stage, part, vpc, subnets);
  const endpoints = createEndpoints(stage, part, vpc, subnets.private, routes.tables);
  part.done();
  return { vpc, subnets, nats: routes.nats, ready: [...routes.ready, ...endpoints] };
}

function createRoutes(stage: Stage, part: Part, vpc: aws.ec2.Vpc, subnets: Network["subnets"]) {
  const options = { parent: part };
  const zones = stage.account.zones.map((zone) => zone.slice(-1));
  const gateway = new aws.ec2.InternetGateway(
    part.child("internet"),
    { vpcId: vpc.id, tags: part.tags("internet") },
    options,
  );
  const table = (suffix: string) =>
    new aws.ec2.RouteTable(part.child(suffix), { vpcId: vpc.id, tags: part.tags(suffix) }, options);
  const associate = (suffix: string, subnet: aws.ec2.Subnet, routeTable: aws.ec2.RouteTable) =>
    new aws.ec2.RouteTableAssociation(
      part.child(suffix),
      { subnetId: subnet.id, routeTableId: routeTable.id },
      options,
    );

  const open = table("public");
  const out = new aws.ec2.Route(
    part.child("public"),
    { routeTableId: open.id, destinationCidrBlock: "0.0.0.0/0", gatewayId: gateway.id },
    options,
  );
  const associations = subnets.public.map((subnet, i) => associate(`public-${zones[i]}`, subnet, open));
  // Stays inside: a table of its own without any route.
  const closed = table("data");
  subnets.data.forEach((subnet, i) => void associate(`data-${zones[i]}`, subnet, closed));

  const nats = subnets.public.slice(0, natsOf(stage)).map((subnet, i) => {
    const suffix = `nat-${zones[i]}`;
    const address = new aws.ec2.Eip(
      part.child(suffix),
      { domain: "vpc", tags: part.tags(suffix) },
      { parent: part, dependsOn: [gateway] },
    );
    return new aws.ec2.NatGateway(
      part.child(suffix),
      {
        subnetId: subnet.id,
        allocationId: address.id,
        connectivityType: "public",
        tags: part.tags(suffix),
      },
      { parent: part, dependsOn: [gateway, out, ...associations] },
    );
  });
  const tables: aws.ec2.RouteTable[] = [];
  const ready: pulumi.Resource[] = [];
  subnets.private.forEach((subnet, i) => {
    const suffix = `private-${zones[i]}`;
    const own = table(suffix);
    const nat = nats[i] ?? (nats[0] as aws.ec2.NatGateway);
    const route = new aws.ec2.Route(
      part.child(suffix),
      { routeTableId: own.id, destinationCidrBlock: "0.0.0.0/0", natGatewayId: nat.id },
      options,
    );
    tables.push(own);
    ready.push(route, associate(suffix, subnet, own));
  });
  return { nats, tables, ready };
}

/** AWS's own services, reached without leaving the VPC. */
function createEndpoints(
  stage: Stage,
  part: Part,
  vpc: aws.ec2.Vpc,
  subnets: readonly aws.ec2.Subnet[],
  tables: readonly aws.ec2.RouteTable[],
): pulumi.Resource[] {
  const { region, vpcCidr, accountId } = stage.account;
  const options = { parent: part };
  const group = new aws.ec2.SecurityGroup(
    part.child("endpoints"),
    {
      name: `${stage.name}-endpoints`,
      description: "Endpoints of AWS services",
      vpcId: vpc.id,
      tags: part.tags("endpoints"),
    },
    options,
  );
  const rule = new aws.vpc.SecurityGroupIngressRule(
    part.child("endpoints"),
    {
      securityGroupId: group.id,
      description: "HTTPS from the VPC",
      cidrIpv4: vpcCidr,
      ipProtocol: "tcp",
      fromPort: 443,
      toPort: 443,
      tags: part.tags("endpoints"),
    },
    options,
  );
  const interfaces = interfaceEndpoints.map(
    (service) =>
      new aws.ec2.VpcEndpoint(
        part.child(service.replace(".", "-")),
        {
          vpcId: vpc.id,
          serviceName: `com.amazonaws.${region}.${service}`,
          vpcEndpointType: "Interface",
          privateDnsEnabled: true,
          subnetIds: subnets.map(({ id }) => id),
          securityGroupIds: [group.id],
          tags: part.tags(service.replace(".", "-")),
        },
        options,
      ),
  );
  const s3 = new aws.ec2.VpcEndpoint(
    part.child("s3"),
    {
      vpcId: vpc.id,
      serviceName: `com.amazonaws.${region}.s3`,
      vpcEndpointType: "Gateway",
      routeTableIds: tables.map(({ id }) => id),
      // Objects of the account, and those that AWS itself serves: layers of images are in buckets of ECR's.
      policy: document(
        {
          Sid: "Own",
          Effect: "Allow",
          Principal: "*",
          Action: "s3:*",
          Resource: ["arn:aws:s3:::*"],
          Condition: { StringEquals: { "aws:ResourceAccount": accountId } },
        },
        {
          Sid: "Layers",
          Effect: "Allow",
          Principal: "*",
          Action: ["s3:GetObject"],
          Resource: [
            `arn:aws:s3:::prod-${region}-starport-layer-bucket/*`,
            `arn:aws:s3:::al2023-repos-${region}-de612dc2/*`,
          ],
        },
      ),
      tags: part.tags("s3"),
    },
    options,
  );
  return [...interfaces, s3, rule];
}
