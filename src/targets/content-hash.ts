import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";

/** 16 hex digits of SHA-256 over names and contents: nothing of a secret of 240 bits can be found from it. */
export function contentHash(
  contents: readonly (readonly [name: string, content: pulumi.Input<string>])[],
): pulumi.Output<string> {
  const hash = pulumi.all(contents.map(([, content]) => content)).apply((all) =>
    createHash("sha256")
      .update(JSON.stringify(all.map((content, i) => [contents[i]?.[0], content])))
      .digest("hex")
      .slice(0, 16),
  );
  return pulumi.unsecret(hash);
}
