import * as pulumi from "@pulumi/pulumi";
import { masterFingerprint } from "../model/derive.ts";
import type { PlatformModel } from "../model/platform.ts";

/** What a stack's state says of whose it is; the root component and the output `platform` carry it. */
export interface Identity {
  readonly installation?: string;
  readonly masterFingerprint: pulumi.Output<string>;
}

export function identityOf({ installation }: Pick<PlatformModel, "installation">): Identity {
  const master = new pulumi.Config("datalab").requireSecret("masterSecret");
  return {
    ...(installation && { installation: installation.id }),
    // A fingerprint is no secret.
    masterFingerprint: pulumi.unsecret(master.apply(masterFingerprint)),
  };
}
