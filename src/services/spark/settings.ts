/** The properties of the server of sessions and of the history server. */
import { parseDuration } from "../../model/units.ts";
import { common, eventLogUrl, executorMebibytes, executorOptions, properties, s3, sql } from "./config.ts";
import type { Context } from "./context.ts";
import * as kubernetes from "./kubernetes.ts";

export const shared = ({ needs, publicUrl, cluster }: Context) =>
  cluster ? kubernetes.common : common(needs.cluster, publicUrl("main", "ui"));
/** A worker's container, and an executor's pod. */
export const executorSize = ({ resources }: Context) => resources.worker ?? { memoryBytes: 0, milliCpu: 0 };
export const executorMemory = (ctx: Context) => executorMebibytes(executorSize(ctx).memoryBytes);

/** One application serves all sessions. It takes executors while there is work, and gives them back. */
export function connectConf(ctx: Context) {
  const { needs, options } = ctx;
  return properties(shared(ctx), s3(needs.lake), sql, {
    "spark.master": "spark://spark:7077",
    "spark.app.name": "connect",
    "spark.metrics.namespace": "connect",
    "spark.connect.authenticate.token": needs.token,
    "spark.connect.grpc.binding.port": "15002",
    "spark.connect.session.manager.defaultSessionTimeout": `${parseDuration(options.sessionTimeout)}s`,
    "spark.ui.port": "4040",
    "spark.driver.port": "7079",
    "spark.driver.maxResultSize": "256m",
    "spark.executor.cores": String(options.cores),
    "spark.executor.memory": `${executorMemory(ctx)}m`,
    "spark.executor.extraJavaOptions": executorOptions,
    "spark.executor.logs.rolling.strategy": "size",
    "spark.executor.logs.rolling.maxSize": "10485760",
    "spark.executor.logs.rolling.maxRetainedFiles": "2",
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.timeout": `${2 * parseDuration(options.idleTimeout)}s`,
    "spark.dynamicAllocation.minExecutors": "0",
    "spark.dynamicAllocation.maxExecutors": String(options.workers),
    "spark.dynamicAllocation.executorIdleTimeout": `${parseDuration(options.idleTimeout)}s`,
    "spark.dynamicAllocation.cachedExecutorIdleTimeout": `${10 * parseDuration(options.idleTimeout)}s`,
    "spark.eventLog.enabled": "true",
    "spark.eventLog.dir": eventLogUrl(needs.lake),
    "spark.eventLog.rolling.enabled": "true",
    "spark.eventLog.rolling.maxFileSize": "10m",
    ...(ctx.cluster && kubernetes.executors(ctx.cluster, ctx.image("spark"), executorSize(ctx))),
  });
}

export const historyConf = (ctx: Context) =>
  properties(s3(ctx.needs.lake), {
    "spark.history.fs.logDirectory": eventLogUrl(ctx.needs.lake),
    "spark.history.ui.port": "18080",
    "spark.history.fs.update.interval": "30s",
    "spark.history.fs.cleaner.enabled": "true",
    "spark.history.fs.cleaner.interval": "1h",
    "spark.history.fs.cleaner.maxAge": `${parseDuration(ctx.options.historyRetention)}s`,
    "spark.history.fs.numReplayThreads": "1",
    "spark.history.retainedApplications": "3",
    "spark.ui.retainedTasks": "1000",
  });
