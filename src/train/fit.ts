import type * as Util from 'node:util';
import { type Loader, originOf } from '../data/index.js';
import { AbortError, AnnealError, DivergenceError } from '../errors.js';
import { lazyRequire } from '../lazy-require.js';
import type { AnyMetric } from '../metrics/index.js';
import { tensorsOf } from '../records.js';
import { batchesAround, explained } from './divergence.js';
import { CompletedStep, EpochAccumulator, EpochPass, type EpochState } from './epoch.js';
import { evaluate } from './evaluation.js';
import { type Callback, type EpochEvent, type EpochRecord, type FitEvent, LEFT, type Results } from './events.js';
import type { FitCheckpoints, FitProgress } from './fit-checkpoints.js';
import { warnOfEndedSchedules } from './fit-options.js';
import { historyOf, type FitState } from './fit-state.js';
import { History } from './history.js';
import { Inspection } from './inspection.js';
import { checkPlateaus, observePlateaus } from './monitor.js';
import { throwIfAborted, until } from './signal.js';
import { augmentationOf, inOrder, nothingFrom } from './sources.js';
import { type AnyBatch, looksAtSteps, type StepSetup, type Submission, submit, whyStepwise } from './step.js';

const util = lazyRequire<typeof Util>('node:util');

/** Number of submissions that may be under way: while one runs, the next is recorded, and waits behind it. */
const MOST_SUBMISSIONS = 2;

export interface FitSetup<M extends AnyMetric> extends StepSetup {
  readonly metrics: readonly M[];
  readonly batches: Loader;
  readonly validation: Loader | undefined;
  readonly epochs: number;
  /** The number of the first of them: how many the trainer has completed before. */
  readonly firstEpoch: number;
  /** Checkpoints that are written meanwhile. */
  readonly checkpoints?: FitCheckpoints | undefined;
  /** State of a checkpoint from which it goes on, and how many epochs the trainer has completed by it. */
  readonly resumed?: { readonly fit: FitState; readonly epochs: number; readonly anew: boolean } | undefined;
  /** Batches of a step. */
  readonly accumulate: number;
  /** Layers are looked into every so many steps, from the first one on; undefined: never. */
  readonly inspectEvery: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly callbacks: readonly Callback<M>[];
}

type StepPlace = EpochEvent & { readonly step: number };

/** One call of Trainer.fit(). */
export class Fit<M extends AnyMetric> {
  readonly #setup: FitSetup<M>;
  readonly #note: (history: History<M>, epochs: number) => void;
  /** Reason why steps run one by one, where they do. */
  readonly #stepwise: string | undefined;
  /** True if a callback has to see the weights of each step before the next one. */
  readonly #waits: boolean;
  #history = new History<M>();
  /** Reason to end before the last epoch. */
  #stopped: string | undefined;
  /** Complete epochs of the trainer. */
  #epochs: number;
  /** Steps submitted so far. */
  #submitted = 0;
  readonly #recent = new Recent();
  /** The epoch that is under way. */
  #underWay: { readonly accumulator: EpochAccumulator<M>; observed: boolean } | undefined = undefined;
  /** True if it was left by its signal, between two steps. */
  #interrupted = false;
  /** The first submission that has failed. */
  #failed: { readonly submission: Submission; readonly group: readonly AnyBatch[]; readonly event: StepPlace } | undefined = undefined;

  /** `note` gets what is known by now, and how many epochs of the trainer are complete. */
  constructor(setup: FitSetup<M>, note: (history: History<M>, epochs: number) => void) {
    this.#setup = setup;
    this.#note = note;
    this.#waits = looksAtSteps(setup.callbacks);
    const { resumed } = setup;
    this.#epochs = resumed?.epochs ?? setup.firstEpoch;
    if (resumed !== undefined) {
      this.#history = historyOf<M>(resumed.fit, setup.metrics);
      this.#stopped = resumed.fit.stopped ?? undefined;
      this.#submitted = resumed.fit.submitted;
    }
    this.#stepwise = whyStepwise(setup);
    util().debuglog('anneal')('fit: %s', this.#stepwise ?? 'several steps in one call');
  }

  async run(): Promise<History<M>> {
    const event = this.#event();
    const { model, optimizer, metrics, firstEpoch, epochs, batches, checkpoints, resumed } = this.#setup;
    this.#write(this.#history);
    const end = firstEpoch + epochs;
    const start = { ...event, type: 'fitStart', model, optimizer, metrics, validated: this.#validated, augmentation: augmentationOf(batches) } as const;
    let failure: unknown;
    try {
      checkPlateaus(optimizer, start);
      if (this.#epochs < end) warnOfEndedSchedules(optimizer);
      checkpoints?.checkMonitor(start);
      await this.#tell((callback) => callback.onFitStart?.(start));
      if (resumed !== undefined) await this.#restoreCallbacks(resumed.fit.callbacks);
      const begun = this.#submitted;
      for (let epoch = this.#epochs; epoch < end && this.#stopped === undefined; epoch++) await this.#epoch({ ...event, epoch }, epoch + 1 < end);
      if (this.#stopped !== undefined) this.#write(this.#history.with$([], { stopped: this.#stopped }));
      if (this.#submitted > begun || resumed?.fit.complete === false) await checkpoints?.save(() => this.#progress(this.#stopped !== LEFT));
    } catch (error) {
      failure = error;
      if (this.#interrupted && error instanceof AbortError) await checkpoints?.save(() => this.#progress(false));
      throw error;
    } finally {
      await this.#tell((callback) => callback.onFitEnd?.({ ...event, type: 'fitEnd', history: this.#history, error: failure }));
    }
    return this.#history;
  }

  get #validated(): boolean {
    return this.#setup.validation !== undefined;
  }

  #write(history: History<M>): void {
    this.#history = history;
    this.#note(history, this.#epochs);
  }

  /**
   * An epoch whose steps are all done is completed, also where it was then that somebody stopped training; its validation ends early where the signal
   * says so, and is done when the loader's state is used to go on.
   */
  async #epoch(event: EpochEvent, more: boolean): Promise<void> {
    const { epoch } = event;
    this.#checkSignal(epoch, 'before step 0');
    await this.#tell((callback) => callback.onEpochStart?.({ ...event, type: 'epochStart' }));
    const { batches, validation, optimizer, metrics, accumulate, signal } = this.#setup;
    const accumulator = new EpochAccumulator<M>(epoch, metrics);
    const underWay = (this.#underWay = { accumulator, observed: this.#restoreEpoch(accumulator) });
    const pass = new EpochPass(batches, { more, accumulate, signal });
    const complete = await this.#steps(event, accumulator, pass);
    if (!complete) return;
    if (accumulator.steps === 0 && pass.first === 0) throw nothingFrom('fit', batches, ` in epoch ${epoch}`);
    const aborted = signal?.aborted === true;
    const known = { metrics, validated: validation !== undefined };
    const trained = accumulator.steps === 0 ? undefined : accumulator.record();
    if (trained !== undefined && !underWay.observed) observePlateaus(optimizer, known, trained, 'training');
    underWay.observed = true;
    const validated = validation === undefined ? {} : { validation: await this.#validate(validation, epoch) };
    observePlateaus(optimizer, known, validated, 'validation');
    pass.complete();
    this.#underWay = undefined;
    this.#epochs = epoch + 1;
    const record = trained && { ...trained, ...validated };
    this.#write(this.#history.with$(record === undefined ? [] : [record]));
    const markBest = (): void => this.#write(this.#history.with$([], { best: epoch }));
    if (record !== undefined) await this.#tell((callback) => callback.onEpochEnd?.({ ...event, type: 'epochEnd', record, markBest }));
    await this.#setup.checkpoints?.epochEnded(record as EpochRecord | undefined, this.#epochs - this.#setup.firstEpoch, metrics, () => this.#progress(false));
    if (aborted) this.#checkSignal(epoch + 1, 'before step 0');
  }

  /** Runs the steps of an epoch; whether all of them. At most two submissions are under way; one, where somebody looks at each step. */
  async #steps(event: EpochEvent, accumulator: EpochAccumulator<M>, pass: EpochPass): Promise<boolean> {
    const pipeline = new StepPipeline();
    const groups = pass.groups();
    try {
      let step = pass.firstStep;
      let ended = false;
      while (!ended) {
        // What was handed out has to be trained on: nothing is asked for that might not be.
        if (!pass.over) await this.#drainAborted(pipeline, event.epoch, step);
        if (!pass.over && this.#stopped !== undefined) break;
        const asked = groups.next();
        const { done, value } = asked instanceof Promise ? await asked : asked;
        if (!pass.over) await this.#drainAborted(pipeline, event.epoch, step);
        if (done === true) ended = true;
        else if (this.#stopped !== undefined) break;
        else {
          const { count, ...submitted } = this.#submit(value.group, value.maxSteps, { ...event, step }, accumulator);
          pass.take(value, count);
          step += count;
          await pipeline.add(submitted);
          if (this.#waits) await pipeline.drain();
          if (this.#setup.checkpoints?.dueAfterStep(this.#submitted) === true) {
            await pipeline.drain();
            await this.#setup.checkpoints.save(() => this.#progress(false));
          }
        }
      }
      await pipeline.drain();
      return ended;
    } catch (error) {
      await pipeline.abandon();
      if (this.#failed !== undefined) pass.cameTo(this.#failed.event.step + this.#failed.submission.completed());
      throw error instanceof DivergenceError ? await this.#explained(error) : error;
    } finally {
      await groups.return?.();
    }
  }

  /** Explains a step that was not finite, now that nothing is under way. */
  async #explained(error: DivergenceError): Promise<DivergenceError> {
    if (this.#failed === undefined) return error;
    const { submission, group, event } = this.#failed;
    const { batches, accumulate } = this.#setup;
    const further = submission.completed();
    const origin = originOf(tensorsOf(group[0]![0])[0]);
    const around = origin === undefined || accumulate > 1 ? undefined : batchesAround(batches, origin.epoch, origin.step + further);
    const rewind = (): (() => void) => submission.rollback();
    return explained({ setup: this.#setup, error, epoch: event.epoch, step: event.step + further, dataset: origin?.dataset, group, before: [], ...around, losses: this.#recent.losses, rollback: rewind });
  }

  /** Records a step and submits it, as often as it may run at once: the loop that users write. */
  #submit(group: readonly AnyBatch[], maxSteps: number, event: StepPlace, accumulator: EpochAccumulator<M>): Submitted & { readonly count: number } {
    try {
      const { inspectEvery, model } = this.#setup;
      const place = inspectEvery === undefined ? 0 : this.#submitted % inspectEvery;
      const inspection = inspectEvery !== undefined && place === 0 ? new Inspection(model) : undefined;
      const free = inspectEvery === undefined ? maxSteps : inspection === undefined ? Math.min(maxSteps, inspectEvery - place) : 1;
      const most = Math.min(free, this.#setup.checkpoints?.stepsLeft(this.#submitted) ?? Infinity);
      const submission = submit(this.#setup, group, { maxSteps: this.#stepwise === undefined ? most : 1, watched: this.#stepwise !== undefined, inspection });
      this.#submitted += submission.count;
      submission.done?.catch(() => (this.#failed ??= { submission, group, event }));
      return { count: submission.count, done: submission.done, complete: () => this.#complete(submission, event, accumulator) };
    } catch (error) {
      this.#setup.optimizer.zeroGrad();
      // In its turn: the steps before it complete first.
      return { count: 1, done: Promise.reject(atStep(error, event, originOf(tensorsOf(group[0]![0])[0])?.dataset)), complete: nothing };
    }
  }

  /** Adds what the steps have measured, each in its turn. */
  async #complete(submission: Submission, event: StepPlace, accumulator: EpochAccumulator<M>): Promise<void> {
    const completed = submission.completed();
    if (completed === 0) return;
    const batches = await submission.measured();
    const layers = await submission.layers?.();
    if (layers !== undefined) accumulator.layers = layers;
    for (let i = 0; i < completed; i++) {
      const loss = accumulator.add(batches, i);
      this.#recent.add(loss);
      if (this.#setup.callbacks.length === 0) continue;
      const completedStep = new CompletedStep<M>(event, event.step + i, loss, accumulator, layers);
      for (const callback of this.#setup.callbacks) {
        const answer = callback.onStep?.(completedStep);
        if (answer !== undefined) await answer;
      }
    }
  }

  async #validate(validation: Loader, epoch: number): Promise<Results<M>> {
    const { model, loss, metrics } = this.#setup;
    const results = await evaluate(model, loss, metrics, until(inOrder(validation), this.#setup.signal), () => this.#checkSignal(epoch, 'validation'));
    if (results === undefined) throw nothingFrom('fit', validation, ` for the validation of epoch ${epoch}`);
    return results as Results<M>;
  }

  #event(): FitEvent {
    return {
      epochs: this.#setup.epochs,
      firstEpoch: this.#setup.firstEpoch,
      stepsPerEpoch: stepsOf(this.#setup),
      stepwise: this.#stepwise,
      stop: (reason = 'a callback asked for it') => {
        this.#stopped ??= reason;
      },
    };
  }

  async #tell(call: (callback: Callback<M>) => void | Promise<void> | undefined): Promise<void> {
    for (const callback of this.#setup.callbacks) {
      const answer = call(callback);
      if (answer !== undefined) await answer;
    }
  }

  /** Ends at the signal with all steps complete, so that a checkpoint has them. */
  async #drainAborted(pipeline: StepPipeline, epoch: number, step: number): Promise<void> {
    if (this.#setup.signal?.aborted !== true) return;
    await pipeline.drain();
    this.#checkSignal(epoch, `before step ${step}`);
  }

  /** Everything that is to be known to go on from here; no step is under way. */
  async #progress(complete: boolean): Promise<FitProgress> {
    const { callbacks, firstEpoch } = this.#setup;
    const states: object[] = [];
    for (const callback of callbacks) if (callback.stateDict !== undefined) states.push(await callback.stateDict());
    const { accumulator, observed = false } = this.#underWay ?? {};
    const epoch = accumulator === undefined ? null : { ...accumulator.stateDict(), observed };
    const loss = accumulator === undefined || accumulator.steps === 0 ? (this.#history.at(-1)?.loss ?? null) : accumulator.results().loss;
    return { firstEpoch, submitted: this.#submitted, complete, stopped: complete ? (this.#stopped ?? null) : null, epochs: [...this.#history], best: this.#history.best?.epoch ?? null, epoch, callbacks: states, loss };
  }

  async #restoreCallbacks(states: readonly object[]): Promise<void> {
    const remembering = this.#setup.callbacks.filter(({ stateDict }) => stateDict !== undefined);
    if (remembering.length !== states.length) return;
    for (const [i, callback] of remembering.entries()) await callback.loadStateDict?.(states[i]! as { readonly [name: string]: unknown });
  }

  /** Goes on with the epoch that was under way; returns whether its results were observed by plateau schedules. */
  #restoreEpoch(accumulator: EpochAccumulator<M>): boolean {
    const { resumed } = this.#setup;
    if (resumed === undefined || resumed.anew || resumed.fit.epoch === null || accumulator.epoch !== resumed.epochs) return false;
    accumulator.loadStateDict(resumed.fit.epoch satisfies EpochState);
    return resumed.fit.epoch.observed;
  }

  #checkSignal(epoch: number, where: string): void {
    this.#interrupted ||= this.#setup.signal?.aborted === true;
    throwIfAborted('fit', this.#setup.signal, ` in epoch ${epoch}, ${where}`);
  }
}

/** The losses of the last few steps. */
class Recent {
  readonly #ring = new Float64Array(5);
  #count = 0;

  add(loss: number): void {
    this.#ring[this.#count++ % this.#ring.length] = loss;
  }

  /** The latest last. */
  get losses(): number[] {
    const { length } = this.#ring;
    return Array.from({ length: Math.min(this.#count, length) }, (_, i) => this.#ring[(this.#count - Math.min(this.#count, length) + i) % length]!);
  }
}

const nothing = (): Promise<void> => Promise.resolve();

function stepsOf<M extends AnyMetric>({ batches, accumulate }: FitSetup<M>): number | undefined {
  return batches.length === undefined ? undefined : Math.ceil(batches.length / accumulate);
}

/** The same error, whose message says in which step it happened. */
function atStep(error: unknown, { epoch, step }: { readonly epoch: number; readonly step: number }, dataset: string | undefined): Error {
  if (error instanceof AnnealError) error.message += ` (In epoch ${epoch}, step ${step} of fit${dataset === undefined ? '' : `, dataset '${dataset}'`}.)`;
  return error as Error;
}

/** Steps that were submitted together. */
export interface Submitted {
  /** Resolves when they have run; undefined where they have run already. */
  readonly done: Promise<unknown> | undefined;
  /** Called then, also after a failure, in the order of submission. */
  complete(): Promise<void>;
}

/** Submissions under way, oldest first. */
export class StepPipeline {
  readonly #steps: Submitted[] = [];
  #failed = false;

  /** Resolves when more may be submitted; rejects with the failure of an earlier one, in its turn. */
  async add(step: Submitted): Promise<void> {
    this.#steps.push(step);
    step.done?.catch(() => (this.#failed = true));
    // What has failed by now is known after this turn: no step may follow it.
    await Promise.resolve();
    if (this.#failed) return this.drain();
    if (this.#steps.length >= MOST_SUBMISSIONS) await this.#complete();
  }

  /** Completes all. */
  async drain(): Promise<void> {
    while (this.#steps.length > 0) await this.#complete();
  }

  /** Waits for what is under way, whatever becomes of it. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.#steps.splice(0).map(({ done }) => done ?? Promise.resolve()));
  }

  async #complete(): Promise<void> {
    const step = this.#steps.shift()!;
    try {
      await step.done;
    } finally {
      await step.complete();
    }
  }
}
