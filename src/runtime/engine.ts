import { AnnealError } from '../errors.js';
import type { TypedArray } from '../dtype.js';
import { dtypes } from '../dtype.js';
import { provideEngine, type Engine, type StepOptions, type Steps, type Updater } from '../graph/engine.js';
import { staleError } from '../graph/stale.js';
import { setEager } from '../graph/recorder.js';
import { dropResolved, isResolved } from '../graph/pending-outputs.js';
import { bumpPlacement, bumpVersion, currentVersion } from '../graph/version.js';
import { abandonAssignments, abandonStale, anyAssigned, assignedBuffers, assignedValues, commit, latest } from '../graph/assignments.js';
import { fromArray, storageLeaf } from '../ops/leaf.js';
import type { UpdateRule } from '../ops/updates.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import { Tensor } from '../tensor.js';
import type { Parameter } from '../parameter.js';
import { loadNative } from './binding.js';
import { cacheScalar, deliver, refuse, takeStorages } from './delivery.js';
import { Gradients } from './gradients.js';
import type { Mode } from './mode.js';
import { pendingOutputsFor, outputsFor } from './outputs.js';
import { evaluate, REFERENCE } from './oracle.js';
import type { Results } from './plan.js';
import type { Programs } from './programs.js';
import { NOTHING, type Output, type Request } from './request.js';
import { ProgramRun, StepRun, WatchedRun } from './run.js';
import { savedValues } from './saved.js';
import { outOfMemory } from './memory.js';
import { Session, type RunError } from './session.js';
import { nodesOf } from './graph-signature.js';
import { retireChanged } from './staleness.js';

const ONE_STEP: StepOptions = {};

/** Runs what is recorded, in either mode. */
export class RuntimeEngine implements Engine {
  readonly session: Session;
  private readonly programs: Programs;
  private readonly gradients: Gradients;

  /** `checkFinite`: a step whose losses or gradients are not finite fails before it updates anything. */
  constructor(
    private readonly mode: Mode,
    private readonly checkFinite = false,
  ) {
    this.programs = mode.programs;
    this.session = this.programs.session;
    this.gradients = new Gradients({
      allocate: (shape, dtype) => this.programs.allocate(shape, dtype),
      owns: (storage) => this.session.owns(storage),
      collect: (request) => {
        if (anyAssigned()) this.materializeBefore(assignedBuffers(request.accumulations[0]?.parameter), assignedValues());
        return this.collect(request);
      },
    });
  }

  /** Makes this the engine of the environment. */
  install(): void {
    setEager(this.mode.hook);
    provideEngine(() => this);
  }

  async read(tensor: Tensor): Promise<TypedArray> {
    const value = tensor.value$;
    if (value !== undefined) return new dtypes[tensor.dtype].array(1).fill(typeof value === 'number' ? value : await value()) as TypedArray;
    if (tensor.stale) throw staleError('data', tensor);
    if (tensor.data$ !== undefined) return tensor.data$.slice();
    const assigned = latest(tensor);
    if (assigned !== tensor) return this.read(assigned);
    const saved = savedValues(tensor);
    const outputs: Output[] = [{ tensor, destination: { to: 'view', index: 0 } }];
    saved.forEach((node, index) => outputs.push({ tensor: node, destination: { to: 'storage', index } }));
    const request: Request = { ...NOTHING, commits: [], outputs };
    let nodes = this.programs.ready(request);
    if (request.commits!.length > 0) {
      // What was recorded of the buffers' old values, and may still be read, first.
      this.materializeBefore(request.commits!.map(({ buffer }) => buffer), assignedValues());
      nodes = nodesOf(request);
    }
    const run = new ProgramRun();
    this.programs.submit(request, nodes, run);
    const { results, done } = run;
    takeStorages(request, results);
    this.commit(request, versionAfter(request));
    await done;
    const elements = results.arrays[0]!;
    if (tensor.shape.length === 0 && !tensor.requiresGrad) cacheScalar(tensor, elements[0]!);
    return elements;
  }

  async step(updater: Updater): Promise<void> {
    const { done } = this.steps(updater, ONE_STEP);
    if (done !== undefined) await done;
  }

  steps(updater: Updater, options: StepOptions): Steps {
    const { watched = NONE, maxSteps = 1, randomKeys } = options;
    const request = this.stepOf(updater, watched, options);
    const nodes = this.programs.ready(request);
    const run = new StepRun(updater, request, watched, randomKeys, maxSteps);
    run.begin();
    this.gradients.take(request);
    try {
      this.mode.execute(request, nodes, run);
      run.done = run.done?.catch((error: Error) => this.fail(run, error));
      this.finish(request, nodes, run.results, run.done);
      run.done ??= this.session.yieldToEventLoop();
    } catch (error) {
      run.done = this.fail(run, error as Error);
    }
    run.done?.catch(ignore);
    return run;
  }

  accumulate(parameters: readonly Parameter[], watched: readonly Tensor[], finite?: StepOptions['finite']): Steps {
    const { losses, rules, accumulations } = this.gradients.early(parameters);
    const outputs = outputsFor(pendingOutputsFor(losses, () => [...accumulations.map(({ parameter }) => parameter), ...assignedBuffers(parameters[0])], assignedValues()), watched);
    const request: Request = { ...NOTHING, commits: [], losses, rules, accumulations, finite: this.checkFinite ? ('all' as const) : finite, outputs };
    const nodes = this.programs.ready(request);
    const run = new WatchedRun(request, watched);
    this.gradients.take(request);
    try {
      this.mode.execute(request, nodes, run);
    } catch (error) {
      this.gradients.lose(request, error as Error);
      refuse(request, error as Error);
      throw error;
    }
    run.done?.catch((error: Error) => this.gradients.lose(request, error));
    deliver(request, run.results, run.done);
    this.commit(request, versionAfter(request));
    dropResolved(isResolved);
    return run;
  }

  backward(loss: Tensor): void {
    this.gradients.want(loss);
  }

  zeroGrad(parameters: readonly Parameter[]): void {
    this.materializeBefore(this.gradients.used(parameters));
    this.gradients.forget(parameters);
  }

  gradientOf(parameter: Parameter): Tensor | undefined {
    return this.gradients.of(parameter);
  }

  dispose(tensor: Tensor): void {
    tensor.inputs = NONE;
    tensor.data$ = undefined;
    if (tensor.storage$ === undefined) return;
    Session.release(tensor.storage$);
    tensor.storage$ = undefined;
    bumpPlacement();
  }

  updateRule(name: string): UpdateRule {
    return loadNative().updateRule(name);
  }

  zeroed(shape: Shape): Tensor {
    const leaf = new Tensor(storageLeaf, [], undefined, { shape, dtype: 'float32' }, false, 0);
    leaf.storage$ = this.programs.allocate(shape, 'float32');
    return leaf;
  }

  exchange(pairs: readonly (readonly [Tensor, Tensor])[]): void {
    this.materializeBefore(pairs.flat());
    const time = bumpVersion();
    for (const [a, b] of pairs) {
      [a.storage$, b.storage$] = [b.storage$, a.storage$];
      a.version$ = b.version$ = time;
    }
    bumpPlacement();
  }

  setAside(parameters: readonly Parameter[]): () => void {
    const aside = parameters.map(({ accumulator$, seen$ }) => ({ accumulator$, seen$ }));
    for (const parameter of parameters) parameter.accumulator$ = parameter.seen$ = undefined;
    return () => {
      for (const [i, parameter] of parameters.entries()) Object.assign(parameter, aside[i]);
    };
  }

  memory(bytes: number): ArrayBuffer {
    try {
      return loadNative().addon.memory(bytes);
    } catch (cause) {
      if ((cause as RunError).code !== 'ANNEAL_OUT_OF_MEMORY') throw cause;
      throw outOfMemory('data', 'a data set', cause as RunError);
    }
  }

  permutation(size: number, key: Uint32Array): Int32Array {
    const rows = new Int32Array(size);
    loadNative().addon.permutation(rows, key);
    return rows;
  }

  write(tensor: Tensor, data: TypedArray): Promise<void> | undefined {
    abandonAssignments(tensor as Parameter);
    this.holdHere(tensor);
    return this.overwrite(tensor, fromArray(data.slice(), tensor.shape, tensor.dtype));
  }

  assign(target: Tensor, source: Tensor): void {
    abandonAssignments(target as Parameter);
    this.materializeBefore([target]);
    void this.overwrite(target, source);
  }

  reference(tensor: Tensor, inputs: ReadonlyMap<Tensor, ArrayLike<number>>): Float64Array {
    return evaluate(tensor, { target: REFERENCE, dtype: 'float64', inputs }) as Float64Array;
  }

  libraryVersion(): string {
    return loadNative().addon.info().version;
  }

  synchronize(): Promise<void> {
    return this.session.synchronize();
  }

  private overwrite(target: Tensor, source: Tensor): Promise<void> | undefined {
    if (sizeOf(source.shape) !== sizeOf(target.shape)) {
      throw new AnnealError('ANNEAL_SHAPE_MISMATCH', `[assign] sizes differ: got ${showShape(source.shape)}, expected ${showShape(target.shape)}.`);
    }
    const done = this.programs.store(target, source);
    target.version$ = bumpVersion();
    return done;
  }

  /** Gives a leaf that is to be overwritten as a whole memory of this session. What waits for elements in another's can never be had. */
  private holdHere(target: Tensor): void {
    const held = target.storage$;
    if (held === undefined || this.session.owns(held)) {
      this.materializeBefore([target]);
      return;
    }
    target.storage$ = this.programs.allocate(target.shape, target.dtype);
    bumpPlacement();
    Session.release(held);
  }

  /** Computes what the user may still read and what depends on the present elements of these leaves, which are about to change. */
  private materializeBefore(changing: readonly Tensor[], lasting?: ReadonlySet<Tensor>): void {
    if (changing.length === 0) return;
    const pending = pendingOutputsFor(NONE, () => changing, lasting).filter((tensor) => !changing.includes(tensor));
    if (pending.length === 0) return;
    const request = { ...NOTHING, outputs: outputsFor(pending, NONE) };
    const { results, done } = this.programs.run(request);
    deliver(request, results, done);
    // What is behind them will be something else.
    for (const tensor of pending) if (tensor.kept$) tensor.inputs = NONE;
    dropResolved(isResolved);
  }

  /** Everything that the next step of this optimizer has to do. */
  private stepOf(updater: Updater, watched: readonly Tensor[], { finite, scale }: StepOptions): Request {
    const { losses, rules, accumulations, updates } = this.gradients.ofStep(updater.parameters);
    const pending = pendingOutputsFor(losses, () => [...updates.map(({ parameter }) => parameter), ...updater.overwrites(), ...this.gradients.used(updater.parameters), ...assignedBuffers(updater.parameters[0])]);
    const outputs = outputsFor(pending, watched);
    return { commits: [], losses, rules, outputs, accumulations, updater, updates, effects: NONE, finite: this.checkFinite ? 'all' : finite, scale };
  }

  /** Adds gradients to their accumulators. */
  private collect(asked: Request): Promise<void> | undefined {
    const request: Request = this.checkFinite ? { ...asked, finite: 'all' } : asked;
    const run = new ProgramRun();
    this.mode.execute(request, this.programs.ready(request), run);
    takeStorages(request, run.results);
    this.commit(request, versionAfter(request));
    return run.done;
  }

  /** A step that failed has changed no parameter, and has no results: reading one rejects with the step's error. */
  private fail(run: StepRun, error: Error): Promise<never> {
    run.rollback();
    for (const { buffer } of run.request.commits ?? []) abandonAssignments(buffer);
    refuse(run.request, error);
    return Promise.reject(error);
  }

  /** Notes what the step has made of its nodes: results that stay readable, values that are gone, parameters that changed. */
  private finish(request: Request, nodes: readonly Tensor[], results: Results, done: Promise<void> | undefined): void {
    deliver(request, results, done);
    const time = bumpVersion();
    this.commit(request, time);
    for (const { parameter } of request.updates) parameter.version$ = time;
    for (const leaf of request.updater?.overwrites() ?? NONE) leaf.version$ = time;
    retireChanged(request, nodes, time);
    this.gradients.consume(request.updates);
    dropResolved(isResolved);
    if (anyAssigned()) abandonStale();
  }

  /** Notes that buffers have other values from now on. */
  private commit({ commits = [] }: Request, version: number): void {
    for (const assignment of commits) {
      assignment.buffer.version$ = version;
      commit(assignment);
    }
  }
}

/** A new version where buffers change, else the present one. */
export function versionAfter({ commits = [] }: Request): number {
  return commits.length > 0 ? bumpVersion() : currentVersion();
}

const NONE: readonly Tensor[] = [];

function ignore(): void {}
