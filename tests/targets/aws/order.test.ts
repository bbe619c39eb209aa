import { beforeAll, describe, expect, test } from "vitest";
import { startOrder } from "../../../src/model/graph.ts";
import type { Registered } from "../../support/mocks.ts";
import { deploy, isAws, kindOf, prodModel, type Recorded, smallModel } from "./fixture.ts";

const idOf = (r: Registered) => `${kindOf(r)} ${r.name}`;

/**
 * What each resource needs to be there: what it names, and its provider. The engine destroys the other way
 * round.
 */
function graphOf({ resources }: Recorded): Map<string, readonly string[]> {
  const providers = new Map(
    resources.filter((r) => r.type.startsWith("pulumi:providers:")).map((r) => [r.name, idOf(r)]),
  );
  return new Map(
    resources
      .filter((r) => r.custom)
      .map((r) => [
        idOf(r),
        [
          ...r.options.dependsOn,
          ...(providers.get(r.options.provider) ? [providers.get(r.options.provider) as string] : []),
        ],
      ]),
  );
}

/** Everything that must be there before, near and far. */
function before(graph: Map<string, readonly string[]>, id: string): Set<string> {
  const found = new Set<string>();
  const visit = (at: string) => {
    for (const needed of graph.get(at) ?? []) {
      if (found.has(needed)) continue;
      found.add(needed);
      visit(needed);
    }
  };
  visit(id);
  return found;
}

describe("the order of creation", () => {
  let recorded: Recorded;
  let graph: Map<string, readonly string[]>;
  beforeAll(async () => {
    recorded = await deploy(prodModel({ size: "M", aws: "karpenter: true" }));
    graph = graphOf(recorded);
  }, 60_000);
  const needs = (id: string) => before(graph, id);

  test("has no cycle", () => {
    expect(startOrder(graph).ok).toBe(true);
  });

  test.each([
    [
      "Cluster cluster",
      [
        "LogGroup logs-cluster",
        "RolePolicyAttachment cluster-control-plane-AmazonEKSClusterPolicy",
        "Key keys-cluster",
      ],
    ],
    [
      "NodeGroup nodes-system",
      [
        "Addon node-addons-vpc-cni",
        "Addon node-addons-eks-pod-identity-agent",
        "NatGateway network-nat-a",
        "VpcEndpoint network-ecr-dkr",
        "VpcEndpoint network-s3",
      ],
    ],
    ["Addon addons-coredns", ["NodeGroup nodes-system", "NodeGroup nodes-work"]],
    ["Instance database", ["LogGroup logs-database", "ParameterGroup database", "SubnetGroup database"]],
    [
      "NatGateway network-nat-a",
      ["InternetGateway network-internet", "Route network-public", "RouteTableAssociation network-public-a"],
    ],
    [
      "Release aws-load-balancer-controller",
      ["PodIdentityAssociation load-balancers-controller", "Addon addons-coredns"],
    ],
  ])("%s comes after what it needs", (id, needed) => {
    const found = needs(id);
    expect(needed.filter((each) => !found.has(each))).toEqual([]);
  });

  test("every workload comes after cluster, nodes, add-ons, database and its name, and shared files", () => {
    const foundation = [
      "Cluster cluster",
      "NodeGroup nodes-work",
      "Addon addons-aws-ebs-csi-driver",
      "Addon addons-aws-efs-csi-driver",
      "Instance database",
      "Record database",
      "MountTarget files-a",
      "SecurityGroupIngressRule files",
    ];
    const inCluster = recorded.resources.filter((r) => r.custom && r.type.startsWith("kubernetes:"));
    expect(inCluster.length).toBeGreaterThan(100);
    for (const resource of inCluster) {
      const found = needs(idOf(resource));
      expect([idOf(resource), foundation.filter((each) => !found.has(each))]).toEqual([idOf(resource), []]);
    }
  });

  test("databases and roles are made before who uses them starts", () => {
    expect(needs("Deployment prefect")).toContain("Job postgres-provision");
    expect(needs("Deployment mlflow")).toContain("Job postgres-provision");
  });

  test("nothing in the account needs anything in the cluster, but for what the account is told of it", () => {
    const inCluster = new Set(recorded.resources.filter((r) => r.type.startsWith("kubernetes:")).map(idOf));
    const bad = recorded.resources.filter(
      (r) => isAws(r) && [...needs(idOf(r))].some((id) => inCluster.has(id)),
    );
    expect(bad.map(idOf)).toEqual([]);
  });

  test("destroyed the other way round: the VPC goes last, after nodes, endpoints, gateways and mount targets", () => {
    const order = startOrder(graph);
    const created = order.ok ? order.order : [];
    const destroyed = [...created].reverse();
    const at = (id: string) => {
      expect(destroyed).toContain(id);
      return destroyed.indexOf(id);
    };
    const vpc = at("Vpc network");
    for (const first of [
      "NodeGroup nodes-work",
      "VpcEndpoint network-s3",
      "NatGateway network-nat-a",
      "MountTarget files-a",
      "Instance database",
      "Cluster cluster",
      "InternetGateway network-internet",
    ]) {
      expect([first, at(first) < vpc]).toEqual([first, true]);
    }
    // Whoever makes load balancers and nodes is there until what they made has been taken away.
    expect(at("Ingress pages")).toBeLessThan(at("Release aws-load-balancer-controller"));
    expect(at("NodePool karpenter-pool")).toBeLessThan(at("Release karpenter"));
    expect(at("Release karpenter")).toBeLessThan(at("NodeGroup nodes-system"));
    expect(at("Release aws-load-balancer-controller")).toBeLessThan(at("NodeGroup nodes-system"));
    expect(at("NodeGroup nodes-system")).toBeLessThan(at("Addon node-addons-vpc-cni"));
  });
});

describe("two phases", () => {
  test("as long as no image is pushed, the foundation is all there is, and it says where to push to", async () => {
    const recorded = await deploy(smallModel({ pushed: false }));
    expect(recorded.resources.filter((r) => r.type.startsWith("kubernetes:"))).toEqual([]);
    expect(recorded.resources.filter((r) => r.type === "pulumi:providers:kubernetes")).toEqual([]);
    expect(recorded.output).toMatchObject({
      target: "aws",
      services: [],
      core: { url: "" },
      aws: {
        registry: "123456789012.dkr.ecr.eu-central-1.amazonaws.com/datalab-prod",
        cluster: "datalab-prod",
      },
    });
  }, 60_000);
});
