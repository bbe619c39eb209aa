import type { Output } from "@pulumi/pulumi";
import type { PlatformModel } from "../model/platform.ts";
import type { PlatformOutput } from "../outputs/platform.ts";

/** Turns a model into Pulumi resources. */
export interface Target {
  deploy(model: PlatformModel): Output<PlatformOutput>;
}
