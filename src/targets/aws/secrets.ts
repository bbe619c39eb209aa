import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Values } from "../values.ts";
import type { Keys } from "./keys.ts";
import { holdsData, Part, type Stage } from "./stage.ts";

/**
 * What people need beside the program, where the account's rights say who reads it: the master secret, from
 * which a lost stack file can be made again, and the logins. Workloads get theirs in the cluster.
 */
export function createSecrets(stage: Stage, keys: Keys, master: pulumi.Output<string>, values: Values): void {
  const part = new Part("Secrets", "secrets", stage);
  const keep = (suffix: string, description: string, value: pulumi.Input<string>) => {
    const secret = new aws.secretsmanager.Secret(
      part.child(suffix),
      {
        name: `${stage.name}/${suffix}`,
        description,
        kmsKeyId: keys.operations.arn,
        recoveryWindowInDays: 30,
        tags: part.tags(suffix),
      },
      { parent: part, ...holdsData(stage, "retain") },
    );
    new aws.secretsmanager.SecretVersion(
      part.child(suffix),
      { secretId: secret.id, secretString: pulumi.secret(value) },
      { parent: part },
    );
  };
  keep("master", "The secret that all others of the stack are derived from", master);
  const logins = stage.model.secrets.flatMap(({ id, login }) =>
    login ? [[id, { user: login.user, password: values.text({ ref: "secret", id }) }] as const] : [],
  );
  keep(
    "logins",
    "User names and passwords of the stack's pages",
    pulumi.jsonStringify(Object.fromEntries(logins)),
  );
  part.done();
}
