import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { privateZone } from "../../model/external.ts";
import type { Cluster } from "./cluster.ts";
import { createRole, trusts } from "./iam.ts";
import type { Keys } from "./keys.ts";
import { databaseIdentifier, type Logs } from "./logs.ts";
import type { Network } from "./network.ts";
import { holdsData, Part, type Stage } from "./stage.ts";

export interface Database {
  readonly instance: aws.rds.Instance;
  /** What whoever asks for it by name needs. */
  readonly ready: readonly pulumi.Resource[];
}

const port = 5432;
/** The version that the stacks without RDS run, see src/services/postgres.ts. */
const version = "15";

/**
 * PostgreSQL for the whole stack, reached from nodes only. Its administrator's password is derived as all of
 * ours are.
 */
export function createDatabase(
  stage: Stage,
  keys: Keys,
  network: Network,
  logs: Logs,
  cluster: Cluster,
  password: pulumi.Output<string>,
): Database {
  const part = new Part("Database", "database", stage);
  const { name, size, account } = stage;
  const { database } = size;
  const options = { parent: part };
  const group = createAccess(stage, part, network, cluster);
  const subnets = new aws.rds.SubnetGroup(
    "database",
    {
      name,
      description: `Database of ${name}`,
      subnetIds: network.subnets.data.map(({ id }) => id),
      tags: part.tags(),
    },
    options,
  );
  const parameters = new aws.rds.ParameterGroup(
    "database",
    {
      name: `${name}-postgres${version}`,
      family: `postgres${version}`,
      description: `Settings of the database of ${name}`,
      parameters: [
        { name: "rds.force_ssl", value: "1", applyMethod: "immediate" },
        { name: "log_min_duration_statement", value: "2000", applyMethod: "immediate" },
        // Statements that set passwords are not to be read in logs.
        { name: "log_statement", value: "none", applyMethod: "immediate" },
        { name: "max_connections", value: String(database.connections), applyMethod: "pending-reboot" },
      ],
      tags: part.tags(),
    },
    options,
  );
  const monitoring = createRole(stage, part, "monitoring", {
    summary: "Writes metrics of the database's machine",
    trust: trusts("monitoring.rds.amazonaws.com"),
    managed: ["service-role/AmazonRDSEnhancedMonitoringRole"],
  });
  const identifier = databaseIdentifier(stage);
  const instance = new aws.rds.Instance(
    "database",
    {
      identifier,
      engine: "postgres",
      engineVersion: version,
      instanceClass: database.instanceClass,
      allocatedStorage: database.storageGiB,
      maxAllocatedStorage: database.maxStorageGiB,
      storageType: "gp3",
      storageEncrypted: true,
      kmsKeyId: keys.database.arn,
      username: "postgres",
      password,
      port,
      multiAz: database.multiAz,
      publiclyAccessible: false,
      dbSubnetGroupName: subnets.name,
      vpcSecurityGroupIds: [group.id],
      parameterGroupName: parameters.name,
      caCertIdentifier: "rds-ca-rsa2048-g1",
      iamDatabaseAuthenticationEnabled: false,
      backupRetentionPeriod: database.backupDays,
      backupWindow: "01:00-02:00",
      maintenanceWindow: "sun:03:00-sun:04:00",
      copyTagsToSnapshot: true,
      deleteAutomatedBackups: false,
      skipFinalSnapshot: false,
      finalSnapshotIdentifier: `${identifier}-final`,
      deletionProtection: account.deletionProtection,
      performanceInsightsEnabled: true,
      performanceInsightsKmsKeyId: keys.database.arn,
      performanceInsightsRetentionPeriod: database.insightsDays,
      enabledCloudwatchLogsExports: ["postgresql", "upgrade"],
      monitoringInterval: 60,
      monitoringRoleArn: monitoring.arn,
      autoMinorVersionUpgrade: true,
      allowMajorVersionUpgrade: false,
      applyImmediately: false,
      tags: part.tags(),
    },
    {
      parent: part,
      ...holdsData(stage, "retain"),
      dependsOn: [...monitoring.ready, logs.database],
      customTimeouts: { create: "60m", update: "80m", delete: "60m" },
    },
  );
  const record = createName(stage, part, network, instance);
  part.done();
  return { instance, ready: [instance, record] };
}

function createAccess(stage: Stage, part: Part, network: Network, cluster: Cluster): aws.ec2.SecurityGroup {
  const group = new aws.ec2.SecurityGroup(
    "database",
    {
      name: `${stage.name}-database`,
      description: "The database",
      vpcId: network.vpc.id,
      tags: part.tags(),
    },
    { parent: part },
  );
  new aws.vpc.SecurityGroupIngressRule(
    "database",
    {
      securityGroupId: group.id,
      description: "PostgreSQL from nodes",
      referencedSecurityGroupId: cluster.securityGroup,
      ipProtocol: "tcp",
      fromPort: port,
      toPort: port,
      tags: part.tags(),
    },
    { parent: part },
  );
  return group;
}

/** The name that the model knows it by, in a zone that only the VPC sees. */
function createName(
  stage: Stage,
  part: Part,
  network: Network,
  instance: aws.rds.Instance,
): aws.route53.Record {
  const zone = new aws.route53.Zone(
    "database",
    {
      name: privateZone(stage.model.stack),
      comment: `Names of ${stage.name}`,
      vpcs: [{ vpcId: network.vpc.id }],
      forceDestroy: false,
      tags: part.tags(),
    },
    { parent: part },
  );
  return new aws.route53.Record(
    "database",
    {
      zoneId: zone.zoneId,
      name: `postgres.${privateZone(stage.model.stack)}`,
      type: "CNAME",
      ttl: 30,
      records: [instance.address],
    },
    { parent: part },
  );
}
