import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { imageReference, releaseOf } from "../../images/reference.ts";
import { imagesOf } from "../../model/images.ts";
import { stackName } from "../../model/names.ts";
import type {
  EndpointModel,
  PipelineModel,
  PlatformModel,
  ServiceModel,
  WorkloadModel,
} from "../../model/platform.ts";
import type { PlatformOutput } from "../../outputs/platform.ts";
import { describePlatform } from "../describe.ts";
import { identityOf } from "../identity.ts";
import type { Target } from "../target.ts";
import { Values } from "../values.ts";
import { createContainers } from "./container.ts";
import { type ImageIds, resolveImages } from "./images.ts";
import { labelList, ownerLabels } from "./labels.ts";

/** The model as containers of one Docker host. */
export const dockerTarget: Target = {
  deploy(model) {
    return deployDocker(model, resolveImages(imagesOf(model), model.images));
  },
};

/** Published ports are on the loopback interface only. */
const publicUrl = (endpoint: EndpointModel): string =>
  endpoint.published === null ? "" : `${endpoint.scheme}://127.0.0.1:${endpoint.published}`;

/** Declares the resources; `images` maps logical names to what Docker calls them. */
export function deployDocker(model: PlatformModel, images: ImageIds): pulumi.Output<PlatformOutput> {
  const master = new pulumi.Config("datalab").requireSecret("masterSecret");
  const values = new Values(model, master, publicUrl, (name) => imageReference(name, model.images));
  const root = new Platform(model);
  const owner = ownerLabels(model);
  const network = new docker.Network(
    "network",
    {
      name: stackName(model.stack),
      driver: "bridge",
      attachable: false,
      internal: false,
      ipv6: false,
      ingress: false,
      labels: labelList(owner),
    },
    { parent: root, deleteBeforeReplace: true },
  );

  const containers = new Map<string, docker.Container[]>();
  for (const service of model.services) {
    const component = new Service(service, root);
    for (const workload of service.workloads) {
      const after = orderOf(service, workload).flatMap((name) => containers.get(name) ?? []);
      const created = createContainers(
        {
          stack: model.stack,
          owner,
          workload,
          image: images.get(workload.image) as string,
          release: releaseOf(imageReference(workload.image, model.images)),
          values,
          network,
          after,
        },
        component,
      );
      containers.set(workload.name, created);
    }
    component.done();
  }
  for (const pipeline of model.pipelines) new Pipeline(pipeline, root);

  const oneShots = model.services
    .flatMap((s) => s.workloads)
    .filter((w) => w.oneShot)
    .flatMap((w) => (containers.get(w.name) ?? []).map((container) => failedOneShot(w.name, container)));
  const platform = describePlatform(model, values, publicUrl);
  // The address book is there when the one-shots have done their work, not before.
  return pulumi.all(oneShots).apply(() => platform);
}

/**
 * Workloads that have to be made before this one, and are removed after it: one-shots that must have ended,
 * and parts of its own service, which would wait in vain for each other when they end. No others: each waits
 * at its start for the ports that it needs, and an order of all would make them one after the other.
 */
function orderOf(service: ServiceModel, { waitFor, afterOneShots }: WorkloadModel): string[] {
  const own = new Set(service.workloads.map(({ name }) => name));
  return [...waitFor.map(({ workload }) => workload).filter((name) => own.has(name)), ...afterOneShots];
}

/** Fails the update when a one-shot has ended with an error. */
function failedOneShot(name: string, container: docker.Container): pulumi.Output<void> {
  return pulumi
    .all([container.exitCode, container.containerLogs, container.urn])
    .apply(([code, logs, urn]) => {
      if (code === 0 || code === undefined) return;
      throw new pulumi.RunError(
        `${name} ended with exit code ${code}:\n${(logs ?? "").trimEnd()}\n` +
          `Put right what it says, then run ./datalab up, or: pulumi up --replace '${urn}'`,
      );
    });
}

class Platform extends pulumi.ComponentResource {
  constructor(model: PlatformModel) {
    super("datalab:docker:Platform", model.stack);
    // At once: what an interrupted update has made must not be nobody's.
    this.registerOutputs(identityOf(model));
  }
}

/**
 * What the registration one-shot deploys, so that a preview and the state show each pipeline by name and
 * version.
 */
class Pipeline extends pulumi.ComponentResource {
  constructor({ name, version }: PipelineModel, parent: pulumi.Resource) {
    super("datalab:docker:Pipeline", name, { version }, { parent });
    this.registerOutputs({ version });
  }
}

class Service extends pulumi.ComponentResource {
  constructor(service: ServiceModel, parent: pulumi.Resource) {
    super("datalab:docker:Service", service.name, {}, { parent });
  }
  done(): void {
    this.registerOutputs({});
  }
}
