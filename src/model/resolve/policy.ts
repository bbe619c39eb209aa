import { ConfigError, type Problem } from "../../errors.ts";
import type { PlatformModel, WorkloadModel } from "../platform.ts";
import { isSecret } from "../refs.ts";

interface Rule {
  readonly name: string;
  /** The problem of a workload, or undefined. */
  readonly check: (workload: WorkloadModel) => string | undefined;
}

/** Rules for the model, checked before the engine starts, on every target. */
export const rules: readonly Rule[] = [
  {
    name: "no secret among arguments",
    check: (w) =>
      w.command.some(isSecret)
        ? "expected secrets only in env or files, received one in the command, where every process can read it"
        : undefined,
  },
  {
    name: "every long-running part has a probe",
    check: (w) => (!w.oneShot && w.probe === null ? "expected a probe, received none" : undefined),
  },
  {
    name: "every part has limits",
    check: (w) =>
      w.memoryBytes < 16 * 2 ** 20 || w.milliCpu < 10
        ? `expected at least 16Mi of memory and 10m of CPU, received ${w.memoryBytes} bytes and ${w.milliCpu}m`
        : undefined,
  },
  {
    name: "a one-shot holds no data and serves nothing",
    check: (w) =>
      w.oneShot && (w.volumes.length > 0 || w.endpoints.length > 0)
        ? "expected neither volumes nor endpoints for a one-shot part"
        : undefined,
  },
  {
    name: "a part with replicas holds no data",
    check: (w) =>
      w.replicas > 1 && w.volumes.length > 0
        ? `expected no volumes for a part with ${w.replicas} replicas, because each would need its own`
        : undefined,
  },
  {
    name: "a file stays in its folder",
    check: (w) => {
      const bad = Object.keys(w.files).find((f) => !/^(?:\w[\w-]*\/)?\w[\w.-]*$/.test(f) || f === "env");
      return bad === undefined
        ? undefined
        : `expected a plain file name other than env, received ${JSON.stringify(bad)}`;
    },
  },
];

/** Throws one ConfigError with every violated rule. */
export function checkPolicy(model: PlatformModel): void {
  const problems: Problem[] = model.services.flatMap((service) =>
    service.workloads.flatMap((workload) =>
      rules.flatMap((rule) => {
        const message = rule.check(workload);
        return message === undefined
          ? []
          : [
              {
                path: ["services", service.name, "parts", workload.part],
                message: `${message} (policy: ${rule.name})`,
              },
            ];
      }),
    ),
  );
  if (problems.length > 0) throw new ConfigError(problems);
}
