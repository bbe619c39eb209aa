import * as aws from "@pulumi/aws";
import { isExternal } from "../../images/catalog.ts";
import { imagesOf } from "../../model/images.ts";
import type { PlatformModel } from "../../model/platform.ts";
import { charts } from "./charts.ts";
import type { Keys } from "./keys.ts";
import { Part, type Stage } from "./stage.ts";

/** Where the account's own registry answers. */
export const registryHost = ({ accountId, region }: Stage["account"]): string =>
  `${accountId}.dkr.ecr.${region}.amazonaws.com`;

/** Repositories of the stack: its images, and the charts and images of what the cluster needs beside. */
export const repositoriesOf = (model: PlatformModel): string[] => [
  ...imagesOf(model).filter((image) => !isExternal(image)),
  ...charts(model.aws?.karpenter ?? false).flatMap(({ chart, images }) => [`charts/${chart}`, ...images]),
];

/** Images are pushed once under a tag, looked through for known faults, and never replaced. */
export function createRegistry(stage: Stage, keys: Keys): void {
  const part = new Part("Registry", "registry", stage);
  for (const image of repositoriesOf(stage.model)) {
    const suffix = image.replaceAll("/", "-");
    const repository = new aws.ecr.Repository(
      part.child(suffix),
      {
        name: `${stage.name}/${image}`,
        imageTagMutability: "IMMUTABLE",
        imageScanningConfiguration: { scanOnPush: true },
        encryptionConfigurations: [{ encryptionType: "KMS", kmsKey: keys.cluster.arn }],
        forceDelete: !stage.account.deletionProtection,
        tags: part.tags(suffix),
      },
      { parent: part },
    );
    new aws.ecr.LifecyclePolicy(
      part.child(suffix),
      {
        repository: repository.name,
        policy: JSON.stringify({
          rules: [
            {
              rulePriority: 1,
              description: "What no tag names is left of a push that was cut off",
              selection: {
                tagStatus: "untagged",
                countType: "sinceImagePushed",
                countUnit: "days",
                countNumber: 14,
              },
              action: { type: "expire" },
            },
          ],
        }),
      },
      { parent: part },
    );
  }
  part.done();
}
