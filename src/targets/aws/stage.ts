import type * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { natCount, type Size, sizes } from "../../cloud/sizes.ts";
import type { AwsModel } from "../../model/aws.ts";
import { stackName } from "../../model/names.ts";
import type { PlatformModel } from "../../model/platform.ts";

/** What everything that is made in the account is made with. */
export interface Stage {
  readonly model: PlatformModel;
  readonly account: AwsModel;
  readonly size: Size;
  /** What names in the account begin with: `datalab-<stack>`. */
  readonly name: string;
  readonly provider: aws.Provider;
  readonly root: pulumi.Resource;
}

export function stageOf(model: PlatformModel, provider: aws.Provider, root: pulumi.Resource): Stage {
  if (!model.aws) throw new Error("the model has no account");
  return {
    model,
    account: model.aws,
    size: sizes[model.aws.size],
    name: stackName(model.stack),
    provider,
    root,
  };
}

export const natsOf = ({ account, size }: Stage): number =>
  natCount(account.nat === "size" ? size.nat : account.nat, account.zones.length);

/** What every resource in the account carries; the provider adds them to all that can be tagged. */
export const stackTags = (stack: string): Record<string, string> => ({
  "datalab.stack": stack,
  "datalab.target": "aws",
});

/** A component of the target, which holds the resources of one matter together. */
export class Part extends pulumi.ComponentResource {
  readonly #name: string;
  readonly #stage: Stage;

  constructor(thing: string, name: string, stage: Stage) {
    super(`datalab:aws:${thing}`, name, {}, { parent: stage.root, providers: [stage.provider] });
    this.#name = name;
    this.#stage = stage;
  }

  /** Logical name of a child. */
  child(suffix: string): string {
    return `${this.#name}-${suffix}`;
  }

  /** Tags of a child, beside those that the provider adds; launch templates and groups pass them on. */
  tags(suffix?: string): Record<string, string> {
    const { name, model } = this.#stage;
    const own = suffix === undefined ? this.#name : this.child(suffix);
    return { ...stackTags(model.stack), Name: `${name}-${own}` };
  }

  done(): void {
    this.registerOutputs({});
  }
}

/**
 * What holds data refuses to be deleted, and stays when it is no longer declared, unless the configuration
 * says otherwise.
 */
export const holdsData = (
  { model, account }: Stage,
  policy: "retain" | "delete",
): pulumi.CustomResourceOptions => ({
  protect: account.deletionProtection,
  ...(policy === "retain" && model.aws && { retainOnDelete: !account.deletionProtection }),
});
