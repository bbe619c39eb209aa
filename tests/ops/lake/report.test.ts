import { expect, test } from "vitest";
import { pipelineWithReport } from "../../../src/ops/lake/report.ts";
import { platform } from "../fixture-platform.ts";

const pipeline = (name: string, report?: true) => ({
  ...{ name, summary: "s", version: "v", schedule: "daily", paused: false },
  ...(report && { report }),
});
const withPipelines = (...pipelines: ReturnType<typeof pipeline>[]) => ({ ...platform(), pipelines });

test("a report is that of the pipeline that is named", () => {
  expect(pipelineWithReport(withPipelines(pipeline("a", true)), "b")).toBe("b");
});

test("a report is that of the only pipeline that declares one", () => {
  expect(pipelineWithReport(withPipelines(pipeline("a"), pipeline("b", true)))).toBe("b");
});

test("a report of none of several has to be named", () => {
  const several = withPipelines(pipeline("a", true), pipeline("b"), pipeline("c", true));
  expect(() => pipelineWithReport(several)).toThrow(
    /^expected the name of a pipeline, received none: a, c write reports\.$/,
  );
});

test("a report that no pipeline declares is no pipeline's", () => {
  expect(() => pipelineWithReport(withPipelines(pipeline("a")))).toThrow(
    /^No pipeline of dev declares that it writes a report\.$/,
  );
});
