import { type Declared, declare } from "../../declare.ts";
import type { DatalabError } from "../../errors.ts";
import { imagesOf } from "../../model/images.ts";
import type { PlatformModel } from "../../model/platform.ts";
import { type PlatformOutput, platformOutput } from "../../outputs/platform.ts";
import { throwIfAborted } from "../abort.ts";
import type { EngineResult, EngineStep } from "../engine/engine.ts";
import { Planned } from "../engine/plan-events.ts";
import { ensurePlugins } from "../engine/plugins.ts";
import { ensureStack, givenInstallation, originOf, setInstallation } from "../engine/stack.ts";
import { readIdentity, type StackIdentity, writeInstallation } from "../engine/stack-identity.ts";
import { runOnStack } from "../engine/stack-run.ts";
import { buildImages } from "../release/images-build.ts";
import { recordRelease } from "../release/release.ts";
import { type Reporter, runStep, type Step } from "../reporter.ts";
import type { Health } from "../services/core-client.ts";
import type { IngressRoute } from "../services/ingress-route.ts";
import { readPlatform } from "../services/platform.ts";
import { withStackLock } from "../stack-lock.ts";
import type { Host, WorkloadFailure } from "../target.ts";
import { fetchImages, hostOf } from "../targets.ts";
import { guardData } from "./data-guard.ts";
import { checkOwnership } from "./ownership.ts";
import { mandatory, policyArguments, policyError } from "./policy.ts";
import { isWorkload, Readiness } from "./readiness.ts";
import { checkPlan } from "./saved-plan.ts";
import { prepareIngress } from "./stack-certificate.ts";
import { checkDataEngine } from "./store-engine-guard.ts";
import { cannotStart, describeChanges, stepTexts } from "./up-text.ts";

export interface UpOptions {
  readonly project: string;
  readonly stack: string;
  readonly reporter: Reporter;
  /** The engine's own display, line by line. */
  readonly onEngineLine?: (line: string) => void;
  readonly signal: AbortSignal;
  /** Seconds that set-up took before this. */
  readonly setupSeconds: number;
  /** Objects have been moved to another engine: that it is another one is no mistake. */
  readonly movesData?: boolean;
  /** Called when everything is deployed, before the functional checks are waited for. */
  readonly onDeployed?: () => Promise<void>;
  /** The earlier release that is brought back. */
  readonly restores?: string;
  /** A saved plan: exactly that is done, or nothing. */
  readonly plan?: string;
  /** Look at what really runs first, and put it right. */
  readonly refresh?: boolean;
  /** URNs of what is made again whatever the engine thinks of it. */
  readonly replace?: readonly string[];
  /** Names of what may be deleted or replaced although it holds data. */
  readonly allowDataLoss?: readonly string[];
  /** Deploy with another master secret: the one in the stack's file, or a new one where there is none. */
  readonly newMaster?: boolean;
}

export interface UpResult {
  readonly platform: PlatformOutput;
  readonly health: Health;
  /** Id of the record of what is deployed. */
  readonly recorded: string;
  /** Count of resources by operation. */
  readonly changes: Readonly<Record<string, number>>;
  readonly seconds: {
    readonly setup: number;
    readonly images: number;
    readonly engine: number;
    readonly readiness: number;
    readonly total: number;
  };
}

/**
 * Brings a stack up and returns when every functional check has passed. Throws when a workload can't start,
 * naming it with its last log lines; what was made stays, and the next up goes on from there.
 */
export async function up(options: UpOptions): Promise<UpResult> {
  const { project, stack } = options;
  const first = declare(project, stack);
  return withStackLock({ ...options, target: first.model }, "datalab up", (signal) =>
    bringUp({ ...options, signal }, first),
  );
}

async function bringUp(options: UpOptions, first: Declared): Promise<UpResult> {
  const { project, stack, reporter, signal, newMaster = false } = options;
  const host = await hostOf(first.model);
  // Whose the stack is, is read while images are built; nothing is changed before it is known.
  const asking = readOwnership(project, stack, host);
  asking.catch(() => {});
  await host.checkTarget(first.model, first.environment);
  await ensurePlugins(project, first.model, reporter);
  if (!options.movesData) await checkDataEngine(first.model, host);
  const images = await timed(() => prepareImages(first.model, reporter, signal));
  throwIfAborted(signal);
  const identity = await asking;
  await claim(project, stack, identity, newMaster);
  // With the installation that is in the stack's file by now.
  const { model, environment } = declare(project, stack);
  const route = await prepareIngress(project, model);

  const plan = options.plan && (await checkPlan(project, model, options.plan));
  await guardData({ ...options, model, environment });

  const expected = newMaster ? undefined : identity.masterFingerprint;
  const update = new Update({ ...options, ...(plan && { plan }) }, model, host, route, expected);
  const engine = await timed(() => update.deploy());
  await options.onDeployed?.();
  const told = platformOutput.safeParse(engine.value.outputs.platform);
  const platform = told.success ? told.data : await readPlatform(project, stack);
  const readiness = await timed(() => update.readiness.wait(() => update.failure, platform)).finally(() =>
    update.end(),
  );
  const { changes, steps } = engine.value;
  const recorded = await recordRelease({ ...options, environment, model, platform, changes, steps });
  const { setupSeconds: setup } = options;
  return {
    platform,
    health: readiness.value,
    recorded,
    changes: engine.value.changes,
    seconds: {
      setup,
      images: images.seconds,
      engine: engine.seconds,
      readiness: readiness.seconds,
      total: setup + images.seconds + engine.seconds + readiness.seconds,
    },
  };
}

/** Throws E_FOREIGN when what carries the stack's name on its target is somebody else's. */
async function readOwnership(project: string, stack: string, host: Host): Promise<StackIdentity> {
  const [identity, found] = await Promise.all([
    readIdentity(project, stack),
    host.inventory(stack, { sizes: false }),
  ]);
  checkOwnership(stack, identity, found, { orphans: "refused" });
  return identity;
}

/** Makes what the stack lacks, and notes beside its state that it is this installation's. */
async function claim(
  project: string,
  stack: string,
  identity: StackIdentity,
  newMaster: boolean,
): Promise<void> {
  await ensureStack(project, stack, { identity, isNew: newMaster });
  const given = givenInstallation(project, stack);
  const id = identity.installation ?? given?.id;
  if (id === undefined) return;
  if (given?.id !== id) await setInstallation(project, stack, { id, origin: originOf(project) });
  if (identity.installation === undefined) await writeInstallation(project, stack, id);
}

async function prepareImages(model: PlatformModel, reporter: Reporter, signal: AbortSignal): Promise<void> {
  if (model.images.source === "build") return buildImages(imagesOf(model), { reporter, signal });
  await fetchImages(model, { signal, onProgress: (line) => reporter.step("images").done(line) });
}

/** One run of the engine, watched. */
class Update {
  readonly #options: UpOptions;
  readonly #model: PlatformModel;
  readonly #host: Host;
  readonly #ended = new AbortController();
  readonly #masterFingerprint: string | undefined;
  readonly readiness: Readiness;
  #failure: WorkloadFailure | undefined;
  #deployed = false;

  constructor(
    options: UpOptions,
    model: PlatformModel,
    host: Host,
    route: IngressRoute | null,
    masterFingerprint: string | undefined,
  ) {
    this.#masterFingerprint = masterFingerprint;
    this.#options = options;
    this.#model = model;
    this.#host = host;
    this.readiness = new Readiness(options, model, host.coreUrl(model) ?? "", route);
  }

  get failure(): WorkloadFailure | undefined {
    return this.#failure;
  }

  /** Ends the watching. */
  end(): void {
    this.#ended.abort();
  }

  deploy(): Promise<EngineResult> {
    return runStep(this.#options.reporter, "engine", (step) => this.#deploy(step));
  }

  async #deploy(step: Step): Promise<[EngineResult, string]> {
    const { project, stack, signal, onEngineLine } = this.#options;
    const stop = new AbortController();
    const interrupt = () => {
      step.update("stopping: running steps are finished first");
      stop.abort();
      void this.#host.stopOneShots(stack).catch(() => {});
    };
    signal.addEventListener("abort", interrupt, { once: true });
    if (signal.aborted) interrupt();
    const watching = this.#host
      .watchFailures(
        stack,
        { isHealthy: (workload) => this.readiness.isHealthy(workload), isDeployed: () => this.#deployed },
        this.#ended.signal,
      )
      .then((failure) => {
        // Who interrupts ends what the engine waits for: that is no fault of it.
        if (!failure || signal.aborted) return;
        this.#failure = failure;
        interrupt();
      });
    const planned = new Planned();
    try {
      const { result, error } = await runOnStack("up", {
        project,
        stack,
        onEvent: (event) => planned.take(event),
        args: () => this.#arguments(),
        signal: stop.signal,
        ...(this.#masterFingerprint && { env: { DATALAB_MASTER_FINGERPRINT: this.#masterFingerprint } }),
        ...(onEngineLine && { onLine: onEngineLine }),
        onStep: (s) => this.#onStep(s, (text) => step.update(text)),
        host: this.#host,
        onRecover: () => step.update("recovering from a killed run: its lock and incomplete resources"),
      });
      if (this.#failure) throw cannotStart(this.#failure);
      throwIfAborted(signal);
      const broken = mandatory(planned.violations);
      if (error && broken.length > 0) throw policyError(broken);
      if (error) throw await this.#explained(result, error);
      this.#deployed = true;
      for (const service of await this.#host.startStopped(stack)) this.readiness.touch(service);
      return [result, describeChanges(result.changes)];
    } catch (error) {
      this.#ended.abort();
      await watching;
      throw error;
    } finally {
      signal.removeEventListener("abort", interrupt);
    }
  }

  /** The engine says that it has waited in vain; the place where the stack runs knows why. */
  async #explained({ steps }: EngineResult, error: DatalabError): Promise<DatalabError> {
    const failed = steps.find((s) => s.state === "failed" && isWorkload(s.type));
    if (!failed) return error;
    const failure = await this.#host.diagnose(this.#options.stack, failed.name).catch(() => undefined);
    return failure ? cannotStart(failure) : error;
  }

  async #arguments(): Promise<string[]> {
    const { plan, refresh, replace = [] } = this.#options;
    const { args } = policyArguments();
    if (plan) return ["--plan", plan, ...args];
    return [
      ...(refresh || (await this.#host.isIncomplete?.(this.#model)) ? ["--refresh"] : []),
      ...args,
      ...replace.flatMap((urn) => ["--replace", urn]),
      ...(await this.#replacements()),
    ];
  }

  async #replacements(): Promise<string[]> {
    const { stack } = this.#options;
    const failed = await this.#host.failedOneShots(stack);
    if (failed.length === 0) return [];
    return failed.flatMap(({ workload, type = "" }) => [
      "--replace",
      `urn:pulumi:${stack}::datalab::**${type}::${workload}`,
    ]);
  }

  #onStep(step: EngineStep, tell: (text: string) => void): void {
    if (step.op === "same" || step.op === "read" || step.op === "refresh") return;
    this.readiness.note(step);
    const word = stepTexts[step.op];
    if (step.state === "started" && word && isWorkload(step.type)) tell(`${word} ${step.name}`);
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const started = performance.now();
  const value = await work();
  return { value, seconds: (performance.now() - started) / 1000 };
}
