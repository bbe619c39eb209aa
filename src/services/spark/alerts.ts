import type { AlertRule, Circumstances } from "../../model/service.ts";
import type { Options } from "./context.ts";

const workersMissing = (workers: number): AlertRule => ({
  name: "SparkWorkersMissing",
  expr: `metrics_master_aliveWorkers_Value < ${workers}`,
  for: "1m",
  severity: "critical",
  summary: `Fewer Spark workers than the ${workers} configured are alive.`,
  description: "See: services logs spark-worker",
});

/** In a cluster executors come and go: what is wrong is that there are fewer than the work asks for. */
const executorsMissing: AlertRule = {
  name: "SparkExecutorsMissing",
  expr:
    "metrics_connect_driver_ExecutorAllocationManager_executors_numberTargetExecutors_Value > " +
    "metrics_connect_driver_ExecutorAllocationManager_executors_numberAllExecutors_Value",
  for: "5m",
  severity: "warning",
  summary: "Spark waits for executors that the cluster does not start: no capacity, a quota, or no image.",
  description: "See: services logs spark-connect, and the events of its pods",
};

export const alerts = (options: Options, { cluster }: Circumstances): readonly AlertRule[] => [
  cluster ? executorsMissing : workersMissing(options.workers),
];
