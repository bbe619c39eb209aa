import type { EngineEvent, StepMetadata } from "./engine.ts";

export const plannedOps = ["delete", "replace", "create", "update"] as const;
export type PlannedOp = (typeof plannedOps)[number];

/** One property that changes; `from` and `to` are null where it is secret, or too long to read. */
export interface PropertyChange {
  readonly path: string;
  readonly kind: "add" | "delete" | "update";
  /** Whether it is what the resource is replaced for. */
  readonly replaces: boolean;
  readonly from: string | null;
  readonly to: string | null;
}

/** What the engine would do with one resource. */
export interface PlannedStep {
  readonly op: PlannedOp;
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  readonly properties: readonly PropertyChange[];
}

/** The same with what it is judged by. */
export interface JudgedStep extends PlannedStep {
  /** Properties that it has now; those to come where there are none yet. */
  readonly props: Readonly<Record<string, unknown>>;
  /** Deleting it only takes it out of the stack. */
  readonly retained: boolean;
}

export interface PolicyViolation {
  readonly policy: string;
  readonly level: string;
  readonly resource: string | null;
  readonly message: string;
}

/** Listens to the engine while it previews, or updates. */
export class Planned {
  readonly #steps = new Map<string, JudgedStep>();
  readonly #violations = new Map<string, PolicyViolation>();

  take(event: EngineEvent): void {
    const metadata = event.resourcePreEvent?.metadata ?? event.resOutputsEvent?.metadata;
    const op = metadata && opOf(metadata.op);
    // The stack itself and its providers are the engine's own bookkeeping.
    if (metadata && op && !metadata.type.startsWith("pulumi:")) {
      const known = this.#steps.get(metadata.urn);
      const step = judged(metadata, op);
      // A replacement is told as a deletion, a creation, and itself.
      if (!known || known.op === op) this.#steps.set(metadata.urn, merged(known, step));
      else if (op === "replace") this.#steps.set(metadata.urn, merged(known, step));
    }
    if (event.policyEvent) {
      const { policyName: policy, enforcementLevel: level, resourceUrn, message } = event.policyEvent;
      const resource = resourceUrn === undefined || resourceUrn === "" ? null : nameOf(resourceUrn);
      this.#violations.set(`${policy}\0${resourceUrn}\0${message}`, {
        policy,
        level,
        resource,
        message: withoutSummary(withoutMarks(message)),
      });
    }
  }

  /** In an order that does not depend on the engine's: what takes away first. */
  get steps(): JudgedStep[] {
    const rank = ({ op }: JudgedStep) => plannedOps.indexOf(op);
    return [...this.#steps.values()].sort(
      (a, b) => rank(a) - rank(b) || compare(a.type, b.type) || compare(a.name, b.name),
    );
  }

  get violations(): PolicyViolation[] {
    return [...this.#violations.values()].sort(
      (a, b) => compare(a.policy, b.policy) || compare(a.resource ?? "", b.resource ?? ""),
    );
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const nameOf = (urn: string): string => urn.split("::").at(-1) as string;

/** What an operation of the engine comes to; undefined for one that changes nothing. */
export function opOf(op: string): PlannedOp | undefined {
  const meaning: Readonly<Record<string, PlannedOp>> = {
    create: "create",
    import: "create",
    update: "update",
    delete: "delete",
    replace: "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
  };
  return meaning[op];
}

function judged({ urn, type, old, new: next, detailedDiff, diffs }: StepMetadata, op: PlannedOp): JudgedStep {
  const before = old?.inputs ?? {};
  const after = next?.inputs ?? {};
  const detailed = detailedDiff ?? {};
  const paths = Object.keys(detailed).length > 0 ? Object.keys(detailed) : (diffs ?? []);
  const changes = op === "update" || op === "replace" ? paths : [];
  return {
    op,
    type,
    name: nameOf(urn),
    urn,
    properties: [...changes].sort().map((path): PropertyChange => {
      const kind = detailed[path]?.diffKind ?? "update";
      const from = brief(at(before, path));
      const to = brief(at(after, path));
      return {
        path: named(path, after) ?? named(path, before) ?? path,
        kind: kind.startsWith("add") ? "add" : kind.startsWith("delete") ? "delete" : "update",
        replaces: kind.endsWith("-replace"),
        from,
        to,
      };
    }),
    props: Object.keys(before).length > 0 ? before : after,
    retained: old?.retainOnDelete === true,
  };
}

function merged(known: JudgedStep | undefined, step: JudgedStep): JudgedStep {
  if (!known) return step;
  return {
    ...step,
    properties: step.properties.length > 0 ? step.properties : known.properties,
    props: Object.keys(step.props).length > 0 ? step.props : known.props,
    retained: step.retained || known.retained,
  };
}

/** The value at a path as the engine writes it: `labels[2].value`, `spec["a.b"]`. */
function at(value: unknown, path: string): unknown {
  const keys = path.match(/[^.[\]"]+|"(?:[^"\\]|\\.)*"/g) ?? [];
  return keys.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null
        ? (inner as Record<string, unknown>)[key.replace(/^"|"$/g, "")]
        : undefined,
    value,
  );
}

/** `labels[0].value` says nothing: `labels[datalab.files]` does. */
function named(path: string, value: unknown): string | undefined {
  const [, list, index] = /^(.*\blabels)\[(\d+)\]\.value$/.exec(path) ?? [];
  const label = list === undefined ? undefined : at(value, `${list}[${index}].label`);
  return typeof label === "string" ? `${list}[${label}]` : undefined;
}

const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** A value that fits in a line; secrets, which the engine masks, and what is longer are not told. */
function brief(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "object") return null;
  const text = String(value).replace(/\bsha256:([0-9a-f]{12})[0-9a-f]{52}\b/g, "sha256:$1");
  if (text === unknownValue || text === "[secret]" || text.length > 80) return null;
  return text;
}

/** The rule's own summary stands before what it found. */
const withoutSummary = (text: string): string => text.replace(/^[^\n]*\n/, "");

const withoutMarks = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the engine colours its messages so
  text.replace(/<\{%.*?%\}>|\u001b\[[0-9;]*m/g, "").trim();
