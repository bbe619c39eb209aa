import type { Statement } from "./iam.ts";

/**
 * What the load balancer controller may do: read what there is, make things that carry the cluster's tag, and
 * change or remove only those.
 */
export function balancerPolicy(cluster: string, region: string, account: string): Statement[] {
  const tag = "elbv2.k8s.aws/cluster";
  const inRequest = { StringEquals: { [`aws:RequestTag/${tag}`]: cluster } };
  const onResource = { StringEquals: { [`aws:ResourceTag/${tag}`]: cluster } };
  const balancers = ["loadbalancer/net/*", "loadbalancer/app/*", "targetgroup/*"].map(
    (what) => `arn:aws:elasticloadbalancing:${region}:${account}:${what}`,
  );
  const listeners = ["listener/net/*", "listener/app/*", "listener-rule/net/*", "listener-rule/app/*"].map(
    (what) => `arn:aws:elasticloadbalancing:${region}:${account}:${what}`,
  );
  const groups = `arn:aws:ec2:${region}:${account}:security-group/*`;
  return [
    {
      Sid: "Read",
      Effect: "Allow",
      Action: [
        "ec2:DescribeAccountAttributes",
        "ec2:DescribeAddresses",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeVpcs",
        "ec2:DescribeVpcPeeringConnections",
        "ec2:DescribeSubnets",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSecurityGroupRules",
        "ec2:DescribeInstances",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeTags",
        "ec2:DescribeRouteTables",
        "ec2:GetSecurityGroupsForVpc",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeListenerAttributes",
        "elasticloadbalancing:DescribeListenerCertificates",
        "elasticloadbalancing:DescribeSSLPolicies",
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeTargetHealth",
        "elasticloadbalancing:DescribeTags",
        "acm:ListCertificates",
        "acm:DescribeCertificate",
      ],
      Resource: "*",
    },
    {
      Sid: "MakeGroups",
      Effect: "Allow",
      Action: "ec2:CreateSecurityGroup",
      Resource: `arn:aws:ec2:${region}:${account}:vpc/*`,
    },
    {
      Sid: "MakeTaggedGroups",
      Effect: "Allow",
      Action: ["ec2:CreateSecurityGroup", "ec2:CreateTags"],
      Resource: groups,
      Condition: inRequest,
    },
    {
      Sid: "ChangeGroups",
      Effect: "Allow",
      Action: [
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:RevokeSecurityGroupIngress",
        "ec2:DeleteSecurityGroup",
      ],
      Resource: groups,
      Condition: onResource,
    },
    {
      Sid: "ChangeGroupOfNodes",
      Effect: "Allow",
      Action: ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"],
      Resource: groups,
      Condition: { StringEquals: { "aws:ResourceTag/aws:eks:cluster-name": cluster } },
    },
    {
      Sid: "MakeBalancers",
      Effect: "Allow",
      Action: [
        "elasticloadbalancing:CreateLoadBalancer",
        "elasticloadbalancing:CreateTargetGroup",
        "elasticloadbalancing:AddTags",
      ],
      Resource: balancers,
      Condition: inRequest,
    },
    {
      Sid: "ChangeBalancers",
      Effect: "Allow",
      Action: [
        "elasticloadbalancing:CreateListener",
        "elasticloadbalancing:AddTags",
        "elasticloadbalancing:RemoveTags",
        "elasticloadbalancing:ModifyLoadBalancerAttributes",
        "elasticloadbalancing:SetIpAddressType",
        "elasticloadbalancing:SetSecurityGroups",
        "elasticloadbalancing:SetSubnets",
        "elasticloadbalancing:DeleteLoadBalancer",
        "elasticloadbalancing:ModifyTargetGroup",
        "elasticloadbalancing:ModifyTargetGroupAttributes",
        "elasticloadbalancing:RegisterTargets",
        "elasticloadbalancing:DeregisterTargets",
        "elasticloadbalancing:DeleteTargetGroup",
      ],
      Resource: balancers,
      Condition: onResource,
    },
    {
      Sid: "ChangeListeners",
      Effect: "Allow",
      Action: [
        "elasticloadbalancing:CreateRule",
        "elasticloadbalancing:AddTags",
        "elasticloadbalancing:RemoveTags",
        "elasticloadbalancing:ModifyListener",
        "elasticloadbalancing:ModifyListenerAttributes",
        "elasticloadbalancing:DeleteListener",
        "elasticloadbalancing:AddListenerCertificates",
        "elasticloadbalancing:RemoveListenerCertificates",
        "elasticloadbalancing:ModifyRule",
        "elasticloadbalancing:SetRulePriorities",
        "elasticloadbalancing:DeleteRule",
      ],
      Resource: listeners,
      Condition: onResource,
    },
  ];
}
