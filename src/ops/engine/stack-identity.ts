import { DatalabError } from "../../errors.ts";
import { exportState, type WrittenState } from "./stack-state.ts";
import { readStateFile, writeStateFile } from "./state-file.ts";

/** What the state of a stack, and what stands beside it, say of whose stack it is. */
export interface StackIdentity {
  /** Whether the backend has a stack of this name. */
  readonly exists: boolean;
  /** Count of resources in the state, components and the engine's own included. */
  readonly resources: number;
  /** Id of the installation whose state this is; undefined: it has never been deployed from here. */
  readonly installation: string | undefined;
  /** Ids of installations whose data this one has adopted: a volume's label can't be changed. */
  readonly adopted: readonly string[];
  /** Of the master secret that the stack was deployed with; undefined: nothing is deployed, or by 0.1. */
  readonly masterFingerprint: string | undefined;
}

/** Beside the state, because a `down` leaves nothing in it. */
const folder = "installations";
const rootType = /^datalab:\w+:Platform$/;

export async function readIdentity(project: string, stack: string): Promise<StackIdentity> {
  const [state, beside] = await Promise.all([
    exportState(project, stack).catch((error: unknown): WrittenState | undefined => {
      if (error instanceof DatalabError && error.code === "E_NOT_DEPLOYED") return undefined;
      throw error;
    }),
    readStateFile(project, folder, stack),
  ]);
  const [current, ...adopted] = (beside ?? "").split(/\s+/).filter((id) => id !== "");
  const root = state?.resources?.find(({ type }) => rootType.test(type))?.outputs;
  const text = (value: unknown) => (typeof value === "string" ? value : undefined);
  return {
    exists: state !== undefined,
    resources: state?.resources?.length ?? 0,
    installation: text(root?.installation) ?? current,
    adopted,
    masterFingerprint: text(root?.masterFingerprint),
  };
}

/** Notes that the state in use is that of this installation, which has adopted the data of others. */
export const writeInstallation = (
  project: string,
  stack: string,
  id: string,
  adopted: readonly string[] = [],
): Promise<void> => writeStateFile(project, folder, stack, [id, ...adopted, ""].join("\n"));
