import { labelNames } from "../../model/names.ts";
import type { JudgedStep, PlannedOp } from "../engine/plan-events.ts";

export type RiskLevel = "data-loss" | "downtime" | "kept";

/** What people should know before a change is made. */
export interface Risk {
  readonly level: RiskLevel;
  readonly op: PlannedOp;
  readonly type: string;
  readonly name: string;
  readonly message: string;
}

type Props = Readonly<Record<string, unknown>>;

interface Kind {
  readonly types: RegExp;
  /** What people call it. */
  readonly what: string;
  /** Whether this one holds data. @default for kinds with `holds`: it does */
  readonly holdsData?: (props: Props) => boolean;
  /** What is gone with it. */
  readonly holds?: string;
  /** What people can't reach while it is made again; undefined: nobody notices. */
  readonly serves?: string;
  readonly isServing?: (props: Props) => boolean;
}

/** Kinds of resources that a change can hurt. What is in no line of it hurts nobody. */
export const kinds: readonly Kind[] = [
  {
    types: /^docker:index\/volume:Volume$/,
    what: "volume",
    holds: "everything in it",
    holdsData: (props) => labelOf(props, labelNames.role) === "data",
  },
  {
    types: /^docker:index\/container:Container$/,
    what: "container",
    serves: "it",
    isServing: (props) =>
      labelOf(props, labelNames.role) === undefined && labelOf(props, labelNames.oneShot) === undefined,
  },
  { types: /^docker:index\/network:Network$/, what: "network", serves: "every service" },
  {
    types: /^kubernetes:core\/v1:PersistentVolumeClaim$/,
    what: "volume claim",
    holds: "everything in its volume",
  },
  { types: /^kubernetes:core\/v1:Namespace$/, what: "namespace", holds: "every volume in it" },
  { types: /^kubernetes:apps\/v1:StatefulSet$/, what: "stateful set", serves: "it" },
  { types: /^kubernetes:apps\/v1:(?:Deployment|DaemonSet)$/, what: "workload", serves: "it" },
  { types: /^kubernetes:core\/v1:Service$/, what: "address", serves: "the workload behind it" },
  { types: /^kubernetes:networking\.k8s\.io\/v1:Ingress$/, what: "ingress", serves: "every page" },
  {
    types: /^aws:rds\/(?:instance:Instance|cluster:Cluster)$/,
    what: "database",
    holds: "every database in it",
    serves: "it",
  },
  { types: /^aws:s3\/bucket(?:V2)?:Bucket(?:V2)?$/, what: "bucket", holds: "every object in it" },
  { types: /^aws:efs\/fileSystem:FileSystem$/, what: "file system", holds: "every file in it", serves: "it" },
  { types: /^aws:ebs\/volume:Volume$/, what: "volume", holds: "everything in it" },
  { types: /^aws:kms\/key:Key$/, what: "key", holds: "whatever it encrypts" },
  { types: /^aws:secretsmanager\/secret:Secret$/, what: "secret", holds: "its value" },
  { types: /^aws:eks\/(?:cluster:Cluster|nodeGroup:NodeGroup)$/, what: "cluster", serves: "every service" },
  { types: /^aws:ec2\/vpc:Vpc$/, what: "network", serves: "every service" },
];

/** What a plan puts at risk, the worst first. */
export function risksOf(steps: readonly JudgedStep[]): Risk[] {
  const levels: readonly RiskLevel[] = ["data-loss", "downtime", "kept"];
  return steps.flatMap(riskOf).sort((a, b) => levels.indexOf(a.level) - levels.indexOf(b.level));
}

function riskOf(step: JudgedStep): Risk[] {
  if (step.op !== "delete" && step.op !== "replace") return [];
  const kind = kinds.find(({ types }) => types.test(step.type));
  if (!kind) return [];
  const { op, type, name } = step;
  const risk = (level: RiskLevel, message: string): Risk => ({ level, op, type, name, message });
  const found: Risk[] = [];
  if (kind.holds !== undefined && (kind.holdsData?.(step.props) ?? true)) {
    if (step.retained) found.push(risk("kept", `the ${kind.what} ${name} leaves the stack; its data stays`));
    else found.push(risk("data-loss", `the ${kind.what} ${name} is ${done[op]}: ${kind.holds} is lost`));
  }
  if (kind.serves !== undefined && (kind.isServing?.(step.props) ?? true)) {
    const [change, then] = op === "delete" ? ["deleted", "gone"] : ["created again", "unavailable meanwhile"];
    found.push(risk("downtime", `the ${kind.what} ${name} is ${change}: ${kind.serves} is ${then}`));
  }
  return found;
}

const done: Readonly<Record<string, string>> = { delete: "deleted", replace: "replaced" };

function labelOf(props: Props, wanted: string): string | undefined {
  const labels = (props.labels ?? []) as readonly { label?: string; value?: string }[];
  return Array.isArray(labels) ? labels.find(({ label }) => label === wanted)?.value : undefined;
}
