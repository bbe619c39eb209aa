import { setTimeout as delay } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks.js";
import { isRpcSecret, unknownValue, unwrapRpcSecret } from "@pulumi/pulumi/runtime/rpc.js";
import * as settings from "@pulumi/pulumi/runtime/settings.js";
import { Hidden, type Recorded } from "./manifests.ts";

/** Not in the SDK's types: resolves when every registration has been answered. */
const { waitForRPCs } = settings as unknown as { waitForRPCs(): Promise<void> };

export interface RecordOptions {
  readonly stack: string;
  /** Values of the stack's configuration; all are secret but those that are named in `plain`. */
  readonly config: Readonly<Record<string, string>>;
  readonly plain: readonly string[];
}

/**
 * Runs the program against an engine that makes nothing and only takes down what is declared, and resolves
 * with that. It fails when a value is not known before something has been made: no file could hold that.
 */
export async function recordProgram(
  program: () => Promise<unknown>,
  options: RecordOptions,
): Promise<Recorded[]> {
  const recorded: Recorded[] = [];
  let asked = 0;
  const original = MockMonitor.prototype.registerResource;
  MockMonitor.prototype.registerResource = async function (request, callback) {
    asked++;
    const inputs = shown(request.getObject().toJavaScript());
    await original.call(this, request, (error: unknown, response: { getUrn(): string }) => {
      if (!error) {
        recorded.push({
          type: request.getType(),
          name: request.getName(),
          urn: response.getUrn(),
          inputs: inputs as Record<string, unknown>,
          dependsOn: request.getDependenciesList(),
        });
      }
      callback(error, response);
    });
  };
  try {
    await pulumi.runtime.setMocks(
      {
        call: ({ token }) => {
          throw new Error(`the program asks ${token}, which only a real engine answers`);
        },
        newResource: ({ name, inputs }) => ({ id: name, state: { ...inputs } }),
      },
      "datalab",
      options.stack,
      false,
    );
    const secret = Object.keys(options.config).filter((key) => !options.plain.includes(key));
    pulumi.runtime.setAllConfig({ ...options.config }, secret);
    await program();
    // A resource may be declared because another one was: until nothing more comes.
    for (let before = -1; before !== asked; ) {
      before = asked;
      await waitForRPCs();
      await delay(5);
    }
  } finally {
    MockMonitor.prototype.registerResource = original;
  }
  return recorded;
}

function shown(value: unknown): unknown {
  if (value === unknownValue) throw new Error("a value is not known before the stack has been made");
  if (isRpcSecret(value)) return new Hidden(shown(unwrapRpcSecret(value)));
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shown(inner)]));
}
