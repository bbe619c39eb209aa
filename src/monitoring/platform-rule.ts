import type { PipelineModel } from "../model/platform.ts";
import type { PlatformView } from "../model/platform-view.ts";
import type { AlertRule } from "../model/service.ts";
import type { Thresholds } from "./thresholds.ts";

/** An alert with the labels that its series lack. */
export interface PlatformRule extends AlertRule {
  /** Set when the series themselves name no service. */
  readonly service?: string;
}

export interface RulesInput {
  readonly stack: string;
  readonly platform: PlatformView;
  readonly pipelines: readonly PipelineModel[];
  readonly thresholds: Thresholds;
}
