import { type ErrorEntries, exit } from "./entry.ts";

/** The platform's core and its logs. */
export const coreCodes = {
  E_CORE_UNREACHABLE: {
    meaning: "The platform core, which runs the health checks, does not answer.",
    fix: "Read its log: `./datalab services logs core`. `./datalab up` starts it.",
  },
  E_CORE_TOKEN: {
    meaning: "The gateway in front of the core refuses this stack's token.",
    fix: "Check `portOffset`: another stack may use this port. Otherwise run `./datalab up`, which deploys the current secrets.",
  },
  E_CORE: {
    meaning: "The core answered with an error and gave no code.",
    fix: "Read its log: `./datalab services logs core`.",
  },
  E_NO_LOGS: {
    meaning: "The stack has no central log store.",
    fix: "Set `services.logs.enabled: true` in `Pulumi.<stack>.yaml` and run `./datalab up`.",
  },
  E_LOGS_UNREACHABLE: {
    meaning: "The central log store does not answer.",
    fix: "`./datalab services health logs` shows which of its checks fails.",
  },
} as const satisfies ErrorEntries;

/** Pipelines and Prefect, on the command line and in notebooks. */
export const pipelineCodes = {
  E_PIPELINE: {
    exit: exit.usage,
    meaning: "The stack has no pipeline of this name.",
    fix: "`./datalab pipelines list` shows the names, `pipelines()` does so in a notebook.",
  },
  E_PARAMETER: {
    exit: exit.usage,
    meaning: "The pipeline has no parameter of this name.",
    fix: "Use one of the parameters in the pipeline's `pipeline.yaml`.",
  },
  E_RUN: {
    exit: exit.usage,
    meaning: "There is no run with this id.",
    fix: "`./datalab pipelines list --json` shows the last run of every pipeline.",
  },
  E_RUN_DELETED: {
    meaning: "The run was deleted while the command waited for it.",
    fix: "Start another one: `./datalab pipelines run NAME --wait`.",
  },
  E_TIMEOUT: {
    meaning: "The run did not end within the time that the command waits. The run goes on.",
    fix: "`./datalab pipelines logs RUN` shows what it does. Wait longer with a higher `--timeout`.",
  },
  E_RUNS_ACTIVE: {
    meaning: "Pipelines run, and the command needs a platform without runs.",
    fix: "Wait for the runs that the error lists, or cancel them, and run the command again.",
  },
  E_NO_REPORT: {
    meaning: "The pipeline has not written a report yet, or no pipeline declares that it writes one.",
    fix: "Run `./datalab pipelines run NAME --wait`, which writes one. `report: true` in a pipeline.yaml declares it.",
  },
  E_NOT_REGISTERED: {
    meaning: "Prefect does not know the pipeline.",
    fix: "Run `./datalab up`, which registers it.",
  },
  E_NO_PREFECT: {
    exit: exit.usage,
    meaning: "The stack runs no pipelines, because its orchestrator is disabled.",
    fix: "Enable the service that the error names in `Pulumi.<stack>.yaml` and run `./datalab up`.",
  },
  E_PREFECT_UNREACHABLE: {
    meaning: "Prefect's server does not answer.",
    fix: "`./datalab services health prefect` shows which check fails. Then read `./datalab services logs prefect`.",
  },
  E_PREFECT_LOGIN: {
    meaning: "Prefect refuses the stack's login.",
    fix: "Run `./datalab up`, which deploys the current secret.",
  },
  E_PREFECT_NOT_FOUND: {
    meaning: "The run or deployment no longer exists in Prefect.",
    fix: "`./datalab pipelines list` shows what there is. `./datalab up` registers the pipelines again.",
  },
  E_PREFECT: {
    meaning:
      "Prefect refused a request. The command ends with 2 when Prefect found the request itself wrong.",
    fix: "Correct what Prefect's message says, such as the value of a parameter.",
  },
  E_PIPELINES_FILE_MISSING: {
    meaning: "The registration of pipelines did not find the file that lists them.",
    fix: "Run `./datalab up`. Outside of the platform, set `DATALAB_PIPELINES_FILE`.",
  },
  E_PIPELINES_FILE_INVALID: {
    meaning: "The file that lists the pipelines has another form than expected.",
    fix: "Run `./datalab config validate`, correct what it finds, and run `./datalab up`.",
  },
  E_PIPELINE_INVALID: {
    meaning: "A pipeline's code can't be loaded. No pipeline was registered.",
    fix: "Correct the folder of the pipeline that the error names and run `./datalab up`.",
  },
  E_BUNDLE_SIZE: {
    meaning: "The folder of a pipeline is too big to be sent to its runs.",
    fix: "Move data out of the folder and run `./datalab up`.",
  },
  E_BUNDLE_INVALID: {
    meaning: "The packed folder of a pipeline is not the registered one, or holds what it must not.",
    fix: "Run `./datalab up`, which packs and registers it again.",
  },
  E_FILES_REJECTED: {
    meaning: "The run finished its other work, but it could not load every file.",
    fix: "Correct the files that the error names and run `./datalab data ingest` again.",
  },
  E_TABLES_FAILED: {
    meaning:
      "The run could not do the tables that the error names. All that does not depend on them is done.",
    fix: "Correct what the error says of each table and run the pipeline again.",
  },
  E_SERVICE_DISABLED: {
    meaning: "A notebook uses a service that the stack does not have.",
    fix: "Enable the service in `Pulumi.<stack>.yaml`, run `./datalab up` and restart the notebook's server.",
  },
  E_SETTINGS_MISSING: {
    meaning: "The Python library lacks the variables that say where the lake is.",
    fix: "Set the variables that the error names, or `DATALAB_LAKE_ROOT` for a lake in a folder.",
  },
  E_SETTINGS_INVALID: {
    meaning: "A variable of the Python library has a value that is not allowed.",
    fix: "Unset the variable that the error names, or set it to a whole number above 0.",
  },
} as const satisfies ErrorEntries;
