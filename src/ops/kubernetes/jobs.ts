import { DatalabError } from "../../errors.ts";
import type { Cluster } from "./api.ts";
import { type Job, ownSelector, paths } from "./objects.ts";
import { until } from "./scale.ts";
import { jobState } from "./state.ts";

const withinMs = 600_000;

interface FullJob extends Job {
  readonly spec: {
    readonly selector?: unknown;
    readonly template: { readonly metadata?: { readonly labels?: Readonly<Record<string, string>> } };
  };
}

/** What the job's controller adds, which belongs to the one run. */
const isOfController = (label: string): boolean =>
  label.startsWith("batch.kubernetes.io/") || label === "controller-uid" || label === "job-name";

/** Runs a Job that has ended once more: it is made again as it was. Throws when it does not end well. */
export async function rerunJob(cluster: Cluster, stack: string, workload: string): Promise<void> {
  const all = paths.jobs(cluster.target.namespace);
  const [job] = await cluster.list<FullJob>(all, { labelSelector: ownSelector(stack, workload) });
  if (!job) {
    throw new DatalabError("E_WORKLOAD_DOWN", `There is no Job of ${workload}.`, {
      hint: `./datalab up --stack ${stack} creates it.`,
    });
  }
  const { name, namespace, labels, annotations } = job.metadata as Job["metadata"] & {
    namespace?: string;
    annotations?: Record<string, string>;
  };
  const { selector: _, template, ...spec } = job.spec;
  const own = (given: Readonly<Record<string, string>> = {}) =>
    Object.fromEntries(Object.entries(given).filter(([label]) => !isOfController(label)));
  const path = `${all}/${name}`;
  await cluster.remove(path);
  const waitFor = (what: string, done: () => Promise<boolean>) =>
    until(done, withinMs, async () => `The Job ${name} has not ${what}`);
  await waitFor("gone", async () => (await cluster.get(path)) === undefined);
  await cluster.send(all, {
    method: "POST",
    body: {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name, namespace, labels: own(labels), annotations },
      spec: {
        ...spec,
        template: { ...template, metadata: { ...template.metadata, labels: own(template.metadata?.labels) } },
      },
    },
  });
  await waitFor("ended", async () => {
    const now = await cluster.get<Job>(path);
    if (!now) return false;
    if (now.status?.conditions?.some(({ type, status }) => type === "Failed" && status === "True")) {
      throw new DatalabError("E_JOB_FAILED", `The Job ${name} failed: ${jobState(now, []).words}.`, {
        hint: `./datalab services logs --stack ${stack}`,
      });
    }
    return (now.status?.succeeded ?? 0) > 0;
  });
}
