import { type Expected, tags } from "../fixture.ts";

/** Inputs of every resource of cluster, nodes, node-addons, addons at size S, by kind and name. */
export const cluster: Expected = {
  "Cluster cluster": {
    accessConfig: { authenticationMode: "API", bootstrapClusterCreatorAdminPermissions: true },
    bootstrapSelfManagedAddons: false,
    deletionProtection: true,
    enabledClusterLogTypes: ["api", "audit", "authenticator", "controllerManager", "scheduler"],
    encryptionConfig: { provider: { keyArn: "arn:Key/keys-cluster" }, resources: ["secrets"] },
    kubernetesNetworkConfig: { ipFamily: "ipv4", serviceIpv4Cidr: "172.20.0.0/16" },
    name: "datalab-prod",
    roleArn: "arn:Role/cluster-control-plane",
    tags: tags("cluster"),
    upgradePolicy: { supportType: "STANDARD" },
    version: "1.33",
    vpcConfig: {
      endpointPrivateAccess: true,
      endpointPublicAccess: false,
      subnetIds: ["network-private-a-id", "network-private-b-id", "network-private-c-id"],
    },
  },
  "Role cluster-control-plane": {
    assumeRolePolicy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "eks.amazonaws.com" },
            Action: ["sts:AssumeRole", "sts:TagSession"],
          },
        ],
      },
    },
    description: "The control plane of the cluster",
    maxSessionDuration: 3600,
    name: "datalab-prod-eu-central-1-cluster-control-plane",
    tags: tags("cluster-control-plane"),
  },
  "RolePolicy cluster-control-plane": {
    name: "own",
    policy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Action: ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant"],
            Resource: "arn:Key/keys-cluster",
          },
        ],
      },
    },
    role: "datalab-prod-eu-central-1-cluster-control-plane",
  },
  "RolePolicyAttachment cluster-control-plane-AmazonEKSClusterPolicy": {
    policyArn: "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
    role: "datalab-prod-eu-central-1-cluster-control-plane",
  },
  "LaunchTemplate nodes-system": {
    blockDeviceMappings: [
      {
        deviceName: "/dev/xvda",
        ebs: {
          deleteOnTermination: "true",
          encrypted: "true",
          kmsKeyId: "arn:Key/keys-cluster",
          volumeSize: 50,
          volumeType: "gp3",
        },
      },
    ],
    description: "Nodes system of datalab-prod",
    ebsOptimized: "true",
    metadataOptions: {
      httpEndpoint: "enabled",
      httpPutResponseHopLimit: 1,
      httpTokens: "required",
      instanceMetadataTags: "disabled",
    },
    monitoring: { enabled: true },
    name: "datalab-prod-system",
    tagSpecifications: [
      { resourceType: "instance", tags: tags("nodes-system") },
      { resourceType: "volume", tags: tags("nodes-system") },
      { resourceType: "network-interface", tags: tags("nodes-system") },
    ],
    tags: tags("nodes-system"),
    updateDefaultVersion: true,
  },
  "LaunchTemplate nodes-work": {
    blockDeviceMappings: [
      {
        deviceName: "/dev/xvda",
        ebs: {
          deleteOnTermination: "true",
          encrypted: "true",
          kmsKeyId: "arn:Key/keys-cluster",
          volumeSize: 100,
          volumeType: "gp3",
        },
      },
    ],
    description: "Nodes work of datalab-prod",
    ebsOptimized: "true",
    metadataOptions: {
      httpEndpoint: "enabled",
      httpPutResponseHopLimit: 1,
      httpTokens: "required",
      instanceMetadataTags: "disabled",
    },
    monitoring: { enabled: true },
    name: "datalab-prod-work",
    tagSpecifications: [
      { resourceType: "instance", tags: tags("nodes-work") },
      { resourceType: "volume", tags: tags("nodes-work") },
      { resourceType: "network-interface", tags: tags("nodes-work") },
    ],
    tags: tags("nodes-work"),
    updateDefaultVersion: true,
  },
  "NodeGroup nodes-system": {
    amiType: "AL2023_x86_64_STANDARD",
    capacityType: "ON_DEMAND",
    clusterName: "datalab-prod",
    instanceTypes: ["m7i.large"],
    labels: { "datalab.nodes": "system" },
    launchTemplate: { id: "nodes-system-id", version: "1" },
    nodeGroupName: "system",
    nodeRepairConfig: { enabled: true },
    nodeRoleArn: "arn:Role/nodes-node",
    scalingConfig: { desiredSize: 2, maxSize: 3, minSize: 2 },
    subnetIds: ["network-private-a-id", "network-private-b-id", "network-private-c-id"],
    tags: tags("nodes-system"),
    updateConfig: { maxUnavailable: 1 },
    version: "1.33",
  },
  "NodeGroup nodes-work": {
    amiType: "AL2023_x86_64_STANDARD",
    capacityType: "ON_DEMAND",
    clusterName: "datalab-prod",
    instanceTypes: ["m7i.xlarge"],
    labels: { "datalab.nodes": "work" },
    launchTemplate: { id: "nodes-work-id", version: "1" },
    nodeGroupName: "work",
    nodeRepairConfig: { enabled: true },
    nodeRoleArn: "arn:Role/nodes-node",
    scalingConfig: { desiredSize: 1, maxSize: 4, minSize: 1 },
    subnetIds: ["network-private-a-id", "network-private-b-id", "network-private-c-id"],
    tags: tags("nodes-work"),
    updateConfig: { maxUnavailable: 1 },
    version: "1.33",
  },
  "Role nodes-node": {
    assumeRolePolicy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: ["sts:AssumeRole"] },
        ],
      },
    },
    description: "What nodes themselves may do; pods have identities of their own",
    maxSessionDuration: 3600,
    name: "datalab-prod-eu-central-1-nodes-node",
    tags: tags("nodes-node"),
  },
  "RolePolicyAttachment nodes-node-AmazonEC2ContainerRegistryPullOnly": {
    policyArn: "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
    role: "datalab-prod-eu-central-1-nodes-node",
  },
  "RolePolicyAttachment nodes-node-AmazonEKSWorkerNodePolicy": {
    policyArn: "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
    role: "datalab-prod-eu-central-1-nodes-node",
  },
  "Addon node-addons-eks-pod-identity-agent": {
    addonName: "eks-pod-identity-agent",
    clusterName: "datalab-prod",
    preserve: false,
    resolveConflictsOnCreate: "OVERWRITE",
    resolveConflictsOnUpdate: "OVERWRITE",
    tags: tags("node-addons-eks-pod-identity-agent"),
  },
  "Addon node-addons-kube-proxy": {
    addonName: "kube-proxy",
    clusterName: "datalab-prod",
    preserve: false,
    resolveConflictsOnCreate: "OVERWRITE",
    resolveConflictsOnUpdate: "OVERWRITE",
    tags: tags("node-addons-kube-proxy"),
  },
  "Addon node-addons-vpc-cni": {
    addonName: "vpc-cni",
    clusterName: "datalab-prod",
    configurationValues: {
      json: {
        enableNetworkPolicy: "true",
        env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" },
      },
    },
    podIdentityAssociations: [{ roleArn: "arn:Role/node-addons-vpc-cni", serviceAccount: "aws-node" }],
    preserve: false,
    resolveConflictsOnCreate: "OVERWRITE",
    resolveConflictsOnUpdate: "OVERWRITE",
    tags: tags("node-addons-vpc-cni"),
  },
  "Role node-addons-vpc-cni": {
    assumeRolePolicy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "pods.eks.amazonaws.com" },
            Action: ["sts:AssumeRole", "sts:TagSession"],
            Condition: {
              StringEquals: { "aws:SourceAccount": "123456789012" },
              ArnEquals: { "aws:SourceArn": "arn:Cluster/cluster" },
            },
          },
        ],
      },
    },
    description: "Gives pods their addresses",
    maxSessionDuration: 3600,
    name: "datalab-prod-eu-central-1-node-addons-vpc-cni",
    tags: tags("node-addons-vpc-cni"),
  },
  "RolePolicyAttachment node-addons-vpc-cni-AmazonEKS_CNI_Policy": {
    policyArn: "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
    role: "datalab-prod-eu-central-1-node-addons-vpc-cni",
  },
  "Addon addons-aws-ebs-csi-driver": {
    addonName: "aws-ebs-csi-driver",
    clusterName: "datalab-prod",
    podIdentityAssociations: [{ roleArn: "arn:Role/addons-ebs", serviceAccount: "ebs-csi-controller-sa" }],
    preserve: false,
    resolveConflictsOnCreate: "OVERWRITE",
    resolveConflictsOnUpdate: "OVERWRITE",
    tags: tags("addons-aws-ebs-csi-driver"),
  },
  "Addon addons-aws-efs-csi-driver": {
    addonName: "aws-efs-csi-driver",
    clusterName: "datalab-prod",
    podIdentityAssociations: [{ roleArn: "arn:Role/addons-efs", serviceAccount: "efs-csi-controller-sa" }],
    preserve: false,
    resolveConflictsOnCreate: "OVERWRITE",
    resolveConflictsOnUpdate: "OVERWRITE",
    tags: tags("addons-aws-efs-csi-driver"),
  },
  "Addon addons-coredns": {
    addonName: "coredns",
    clusterName: "datalab-prod",
    preserve: false,
    resolveConflictsOnCreate: "OVERWRITE",
    resolveConflictsOnUpdate: "OVERWRITE",
    tags: tags("addons-coredns"),
  },
  "Addon addons-metrics-server": {
    addonName: "metrics-server",
    clusterName: "datalab-prod",
    preserve: false,
    resolveConflictsOnCreate: "OVERWRITE",
    resolveConflictsOnUpdate: "OVERWRITE",
    tags: tags("addons-metrics-server"),
  },
  "Role addons-ebs": {
    assumeRolePolicy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "pods.eks.amazonaws.com" },
            Action: ["sts:AssumeRole", "sts:TagSession"],
            Condition: {
              StringEquals: { "aws:SourceAccount": "123456789012" },
              ArnEquals: { "aws:SourceArn": "arn:Cluster/cluster" },
            },
          },
        ],
      },
    },
    description: "Creates and mounts disks of pods",
    maxSessionDuration: 3600,
    name: "datalab-prod-eu-central-1-addons-ebs",
    tags: tags("addons-ebs"),
  },
  "Role addons-efs": {
    assumeRolePolicy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "pods.eks.amazonaws.com" },
            Action: ["sts:AssumeRole", "sts:TagSession"],
            Condition: {
              StringEquals: { "aws:SourceAccount": "123456789012" },
              ArnEquals: { "aws:SourceArn": "arn:Cluster/cluster" },
            },
          },
        ],
      },
    },
    description: "Creates and mounts shared folders of pods",
    maxSessionDuration: 3600,
    name: "datalab-prod-eu-central-1-addons-efs",
    tags: tags("addons-efs"),
  },
  "RolePolicy addons-ebs": {
    name: "own",
    policy: {
      json: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Action: ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey"],
            Resource: "arn:Key/keys-cluster",
          },
          {
            Effect: "Allow",
            Action: ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
            Resource: "arn:Key/keys-cluster",
            Condition: { Bool: { "kms:GrantIsForAWSResource": "true" } },
          },
        ],
      },
    },
    role: "datalab-prod-eu-central-1-addons-ebs",
  },
  "RolePolicyAttachment addons-ebs-AmazonEBSCSIDriverPolicy": {
    policyArn: "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
    role: "datalab-prod-eu-central-1-addons-ebs",
  },
  "RolePolicyAttachment addons-efs-AmazonEFSCSIDriverPolicy": {
    policyArn: "arn:aws:iam::aws:policy/service-role/AmazonEFSCSIDriverPolicy",
    role: "datalab-prod-eu-central-1-addons-efs",
  },
};
