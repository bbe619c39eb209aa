import { setTimeout as delay } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks.js";
import { isRpcSecret, unknownValue, unwrapRpcSecret } from "@pulumi/pulumi/runtime/rpc.js";
import * as settings from "@pulumi/pulumi/runtime/settings.js";

/** Not in the SDK's types: resolves when every registration has been answered. */
const { waitForRPCs } = settings as unknown as { waitForRPCs(): Promise<void> };

/** A value that the engine keeps secret, as recorded inputs show it. */
export interface Hidden {
  readonly hidden: unknown;
}

/** A resource as the program registered it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  /** As the engine would write it, with the types of all ancestors. */
  readonly urn: string;
  readonly custom: boolean;
  /** Every input; secret ones as `{ hidden: value }`. */
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly options: {
    /** The parent's name. */
    readonly parent: string;
    /** Name of the provider that it was given; empty: the default one. */
    readonly provider: string;
    readonly protect: boolean;
    /** Kind and name of each: `Container postgres`. */
    readonly dependsOn: readonly string[];
    readonly deleteBeforeReplace: boolean;
    readonly retainOnDelete: boolean;
    readonly ignoreChanges: readonly string[];
    readonly createTimeout: string;
    readonly deleteTimeout: string;
  };
}

export interface Recording {
  readonly resources: readonly Registered[];
  /** The only resource of a type and name; fails when there is none. */
  get(type: string, name: string): Registered;
}

export interface RecordOptions {
  readonly stack?: string;
  readonly preview?: boolean;
  /** Values of the project's configuration, all of them secret. */
  readonly config?: Readonly<Record<string, string>>;
  /** What a resource has after it was made, beside its inputs: such as an exit code. */
  readonly state?: (type: string, name: string) => Record<string, unknown>;
}

/**
 * Runs a program against an engine that only records, and waits until every resource is registered. Resources
 * of a real run don't know what a mock makes up: an input that is unknown fails the recording, and says so.
 */
export async function record<T>(
  program: () => pulumi.Output<T> | Promise<unknown>,
  options: RecordOptions = {},
): Promise<Recording & { output: T }> {
  const resources: Registered[] = [];
  const troubles: Error[] = [];
  let asked = 0;
  /** Types with those of the ancestors; the mock's own URNs have only the parent's. */
  const types = new Map<string, string>();
  const urnOf = (type: string, name: string) =>
    `urn:pulumi:${options.stack ?? "dev"}::datalab::${type}::${name}`;
  const original = MockMonitor.prototype.registerResource;
  MockMonitor.prototype.registerResource = async function (req, callback) {
    asked++;
    const raw = req.getObject().toJavaScript();
    const unknown = unknownPath(raw, `${req.getName()}: `);
    if (unknown) troubles.push(new Error(`the mock was given an unknown value at ${unknown}`));
    await original.call(this, req, (error: unknown, response: { getUrn(): string }) => {
      if (!error && req.getType() !== "pulumi:pulumi:Stack") {
        const parent = types.get(req.getParent());
        const type = parent ? `${parent}$${req.getType()}` : req.getType();
        types.set(response.getUrn(), type);
        resources.push({
          type: req.getType(),
          name: req.getName(),
          urn: urnOf(type, req.getName()),
          custom: req.getCustom(),
          inputs: show(raw) as Record<string, unknown>,
          options: {
            parent: req.getParent().split("::").at(-1) as string,
            provider: req.getProvider().split("::").at(-2) ?? "",
            protect: req.getProtect() ?? false,
            dependsOn: req.getDependenciesList().map(nameOf).sort(),
            deleteBeforeReplace: req.getDeletebeforereplace(),
            retainOnDelete: req.getRetainondelete(),
            ignoreChanges: req.getIgnorechangesList(),
            createTimeout: req.getCustomtimeouts()?.getCreate() ?? "",
            deleteTimeout: req.getCustomtimeouts()?.getDelete() ?? "",
          },
        });
      }
      callback(error, response);
    });
  };

  const { stack = "dev", preview = false, config = {} } = options;
  await pulumi.runtime.setMocks(
    {
      call: ({ token }) => {
        throw new Error(`the mock was asked to call ${token}`);
      },
      newResource: ({ type, name, inputs }) => ({
        id: preview ? undefined : `${name}-id`,
        state: { ...inputs, ...(preview ? {} : options.state?.(type, name)) },
      }),
    },
    "datalab",
    stack,
    preview,
  );
  pulumi.runtime.setAllConfig({ ...config }, Object.keys(config));
  let output: unknown;
  try {
    output = await settled(program());
    // A resource may be registered because another one was: until nothing more comes.
    for (let before = -1; before !== asked; ) {
      before = asked;
      await waitForRPCs();
      await delay(5);
    }
  } finally {
    MockMonitor.prototype.registerResource = original;
  }
  if (troubles.length > 0) throw new AggregateError(troubles, troubles.map((t) => t.message).join("\n"));
  return {
    output: output as T,
    resources,
    get(type, name) {
      const found = resources.filter((r) => r.type === type && r.name === name);
      if (found.length === 1) return found[0] as Registered;
      throw new Error(`${found.length} resources ${type} ${name} were recorded`);
    },
  };
}

/** The value of an output; rejects when one that it is made of fails. */
function settled(given: pulumi.Output<unknown> | Promise<unknown>): Promise<unknown> {
  if (!pulumi.Output.isInstance(given)) return given;
  const output = given as unknown as Record<"isKnown" | "isSecret", Promise<unknown>> & {
    promise(): Promise<unknown>;
  };
  // They fail with the value, and nobody else looks at them.
  for (const side of [output.isKnown, output.isSecret]) side.catch(() => {});
  return output.promise();
}

/** `Container postgres` */
function nameOf(urn: string): string {
  const [type = "", name = ""] = urn.split("::").slice(-2);
  return `${type.split(":").at(-1)} ${name}`;
}

function show(value: unknown): unknown {
  if (isRpcSecret(value)) return { hidden: show(unwrapRpcSecret(value)) } satisfies Hidden;
  if (Array.isArray(value)) return value.map(show);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, show(inner)]));
}

function unknownPath(value: unknown, path: string): string | undefined {
  if (value === unknownValue) return path;
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const found = unknownPath(inner, path.endsWith(" ") ? `${path}${key}` : `${path}.${key}`);
    if (found) return found;
  }
  return undefined;
}

/** What is left of recorded inputs without the secret ones: what anybody may read. */
export function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== "object" || value === null) return value;
  if ("hidden" in value) return "(secret)";
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, readable(inner)]));
}
