import { AnnealError } from '../errors.js';
import type { DType, TypedArray } from '../dtype.js';
import { dtypes } from '../dtype.js';
import type { ModelGenerator } from '../generator.js';
import type { Engine, StepOptions, Steps, Storage, Updater } from '../graph/engine.js';
import { staleError } from '../graph/stale.js';
import { withoutTracking } from '../graph/recorder.js';
import { dropResolved, isResolved } from '../graph/pending-outputs.js';
import { bumpVersion, currentVersion } from '../graph/version.js';
import { abandonAssignments, abandonStale, anyAssigned, assignedBuffers, assignedValues, commit, latest } from '../graph/assignments.js';
import { fromArray, storageLeaf } from '../ops/leaf.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import type { Value } from '../tensor-text.js';
import { Tensor } from '../tensor.js';
import { Parameter } from '../parameter.js';
import { loadNative } from './binding.js';
import { Gradients } from './gradients.js';
import { pendingOutputsFor, outputsFor } from './outputs.js';
import { evaluate, REFERENCE } from './oracle.js';
import { PlanCache } from './plan-cache.js';
import { Plan, type Results } from './plan.js';
import { NOTHING, type Output, type Request } from './request.js';
import { ProgramRun, StepRun, WatchedRun } from './run.js';
import { savedValues } from './saved.js';
import { Session } from './session.js';
import { nodesOf } from './graph-signature.js';
import { checkFresh, retireChanged } from './staleness.js';

const ONE_STEP: StepOptions = {};

const sessions = new Map<string | undefined, Session>();

/** The session of a target: one for all engines on it, so that what one has made the next one can use. */
function sessionFor(target: string | undefined): Session {
  let session = sessions.get(target);
  if (session === undefined) sessions.set(target, (session = new Session(target)));
  return session;
}

/** Plans once and replays: see "The way of one step" in docs/architecture.md. */
export class PlannedEngine implements Engine {
  readonly session: Session;
  private readonly native = loadNative();
  /** Run everything on the calling thread, however long it takes. */
  protected readonly atOnce: boolean = false;
  protected readonly fuse: boolean = true;
  protected readonly whole: boolean = true;
  protected readonly gradients: Gradients;
  /** Plans of requests without a model, most recently used last. */
  private readonly plans = new PlanCache();
  /** Plans of a step live as long as their optimizer, others as long as their model: none pushes out another's. */
  private readonly ownPlans = new WeakMap<Updater | ModelGenerator, PlanCache>();

  /** `checkFinite`: a step whose losses or gradients are not finite fails before it updates anything. */
  constructor(
    target?: string,
    protected readonly checkFinite = false,
  ) {
    this.session = sessionFor(target);
    this.gradients = new Gradients({
      allocate: (shape, dtype) => this.allocate(shape, dtype),
      owns: (storage) => this.session.owns(storage),
      collect: (request) => {
        if (anyAssigned()) this.materializeBefore(assignedBuffers(request.accumulations[0]?.parameter), assignedValues());
        return this.collect(request);
      },
    });
  }

  async read(tensor: Tensor): Promise<TypedArray> {
    if (tensor.value$ !== undefined) return new dtypes[tensor.dtype].array(1).fill(await tensor.value$()) as TypedArray;
    if (tensor.stale) throw staleError('data', tensor);
    if (tensor.data$ !== undefined) return tensor.data$.slice();
    const assigned = latest(tensor);
    if (assigned !== tensor) return this.read(assigned);
    const saved = savedValues(tensor);
    const outputs: Output[] = [{ tensor, destination: { to: 'view', index: 0 } }];
    saved.forEach((node, index) => outputs.push({ tensor: node, destination: { to: 'storage', index } }));
    const request: Request = { ...NOTHING, commits: [], outputs };
    let nodes = this.ready(request);
    if (request.commits!.length > 0) {
      // What was recorded of the buffers' old values, and may still be read, first.
      this.materializeBefore(request.commits!.map(({ buffer }) => buffer), assignedValues());
      nodes = nodesOf(request);
    }
    const run = new ProgramRun();
    this.submit(request, nodes, run);
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

  steps(updater: Updater, { watched = NONE, maxSteps = 1, randomKeys, finite, scale }: StepOptions): Steps {
    const request: Request = { ...this.stepOf(updater, watched), commits: [], finite: this.checkFinite ? ('all' as const) : finite, scale };
    const nodes = this.ready(request);
    const run = new StepRun(updater, request, watched, randomKeys, maxSteps);
    run.begin();
    this.gradients.take(request);
    try {
      this.execute(request, nodes, run);
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
    const nodes = this.ready(request);
    const run = new WatchedRun(request, watched);
    this.gradients.take(request);
    try {
      this.gather(request, nodes, run);
    } catch (error) {
      this.gradients.lose(request, error as Error);
      refuse(request, error as Error);
      throw error;
    }
    run.done?.catch((error: Error) => this.gradients.lose(request, error));
    this.deliver(request, run.results, run.done);
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
    if (tensor.storage$ !== undefined) Session.release(tensor.storage$);
    tensor.storage$ = undefined;
  }

  zeroed(shape: Shape): Tensor {
    const leaf = new Tensor(storageLeaf, [], undefined, { shape, dtype: 'float32' }, false, 0);
    leaf.storage$ = this.allocate(shape, 'float32');
    return leaf;
  }

  exchange(pairs: readonly (readonly [Tensor, Tensor])[]): void {
    this.materializeBefore(pairs.flat());
    const time = bumpVersion();
    for (const [a, b] of pairs) {
      [a.storage$, b.storage$] = [b.storage$, a.storage$];
      a.version$ = b.version$ = time;
    }
  }

  setAside(parameters: readonly Parameter[]): () => void {
    const aside = parameters.map(({ accumulator$ }) => accumulator$);
    for (const parameter of parameters) parameter.accumulator$ = undefined;
    return () => {
      for (const [i, parameter] of parameters.entries()) parameter.accumulator$ = aside[i];
    };
  }

  private allocate(shape: Shape, dtype: DType): Storage {
    return this.session.allocate(sizeOf(shape) * dtypes[dtype].bytes);
  }

  memory(bytes: number): ArrayBuffer {
    return this.native.addon.memory(bytes);
  }

  permutation(size: number, key: Uint32Array): Int32Array {
    const rows = new Int32Array(size);
    this.native.addon.permutation(rows, key);
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

  synchronize(): Promise<void> {
    return this.session.synchronize();
  }

  private overwrite(target: Tensor, source: Tensor): Promise<void> | undefined {
    if (sizeOf(source.shape) !== sizeOf(target.shape)) {
      throw new AnnealError('ANNEAL_SHAPE_MISMATCH', `[assign] sizes differ: got ${showShape(source.shape)}, expected ${showShape(target.shape)}.`);
    }
    const done = this.store(target, source);
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
    target.storage$ = this.allocate(target.shape, target.dtype);
    Session.release(held);
  }

  /** Computes what the user may still read and what depends on the present elements of these leaves, which are about to change. */
  private materializeBefore(changing: readonly Tensor[], lasting?: ReadonlySet<Tensor>): void {
    if (changing.length === 0) return;
    const pending = pendingOutputsFor(NONE, () => changing, lasting).filter((tensor) => !changing.includes(tensor));
    if (pending.length === 0) return;
    const request = { ...NOTHING, outputs: outputsFor(pending, NONE) };
    const { results, done } = this.run(request);
    this.deliver(request, results, done);
    // What is behind them will be something else.
    for (const tensor of pending) if (tensor.kept$) tensor.inputs = NONE;
    dropResolved(isResolved);
  }

  /** Everything that the next step of this optimizer has to do. */
  private stepOf(updater: Updater, watched: readonly Tensor[]): Request {
    const { losses, rules, accumulations, updates } = this.gradients.ofStep(updater.parameters);
    const pending = pendingOutputsFor(losses, () => [...updates.map(({ parameter }) => parameter), ...updater.overwrites(), ...this.gradients.used(updater.parameters), ...assignedBuffers(updater.parameters[0])]);
    const outputs = outputsFor(pending, watched);
    return { ...NOTHING, losses, rules, outputs, accumulations, updater, updates };
  }

  protected run(request: Request): ProgramRun {
    const run = new ProgramRun();
    this.submit(request, this.ready(request), run);
    return run;
  }

  /** Runs a step whose nodes are ready. */
  protected execute(request: Request, nodes: readonly Tensor[], run: ProgramRun): void {
    this.submit(request, nodes, run);
  }

  /** Adds gradients to their accumulators. */
  protected collect(request: Request): Promise<void> | undefined {
    const { results, done } = this.run(this.checkFinite ? { ...request, finite: 'all' } : request);
    takeStorages(request, results);
    this.commit(request, versionAfter(request));
    return done;
  }

  /** The same, with results. */
  protected gather(request: Request, nodes: readonly Tensor[], run: ProgramRun): void {
    this.submit(request, nodes, run);
  }

  /** The nodes of a request, all of whose parameters have values; throws for one whose values are gone. */
  protected ready(request: Request): Tensor[] {
    const nodes = nodesOf(request);
    let complete = true;
    for (const node of nodes) {
      if (node.inputs.length > 0 || node.stale) checkFresh(node);
      else if (node.storage$ === undefined && node instanceof Parameter && node.initializer$ !== undefined) {
        this.initialise(node);
        complete = false;
      }
    }
    // Initialising has walked through the graph itself.
    return complete ? nodes : nodesOf(request);
  }

  private initialise(parameter: Parameter): void {
    const first = parameter.initializer$!;
    void this.store(
      parameter,
      withoutTracking(() => first(parameter)),
    );
  }

  /** Gives a leaf the elements of `source`. */
  private store(target: Tensor, source: Tensor): Promise<void> | undefined {
    if (target instanceof Parameter) target.initializer$ = undefined;
    target.storage$ ??= this.allocate(target.shape, target.dtype);
    return this.run({ ...NOTHING, outputs: [{ tensor: source, destination: { to: 'leaf', leaf: target } }] }).done;
  }

  private submit(request: Request, nodes: readonly Tensor[], run: ProgramRun): void {
    run.start(this.plan(request, nodes), nodes, this.session, this.atOnce);
  }

  protected plan(request: Request, nodes: readonly Tensor[]): Plan {
    return this.plansFor(request, nodes).planFor(request, nodes, () => this.makePlan(request, nodes));
  }

  protected makePlan(request: Request, nodes: readonly Tensor[]): Plan {
    return new Plan(request, nodes, this.session, this.native, { fuse: this.fuse, whole: this.whole });
  }

  private plansFor({ updater }: Request, nodes: readonly Tensor[]): PlanCache {
    const owner = updater ?? modelOf(nodes);
    if (owner === undefined) return this.plans;
    let plans = this.ownPlans.get(owner);
    if (plans === undefined) this.ownPlans.set(owner, (plans = new PlanCache()));
    return plans;
  }

  /** A step that failed has changed no parameter, and has no results: reading one rejects with the step's error. */
  private fail(run: StepRun, error: Error): Promise<never> {
    run.rollback();
    for (const { buffer } of run.request.commits ?? []) abandonAssignments(buffer);
    refuse(run.request, error);
    return Promise.reject(error);
  }

  /** Tells tensors where the results of a request are from now on. */
  private deliver(request: Request, results: Results, done: Promise<void> | undefined): void {
    takeStorages(request, results);
    for (const { tensor, destination } of request.outputs) {
      if ((destination.to === 'scalar' || destination.to === 'view') && sizeOf(tensor.shape) === 1) tensor.value$ = valueOf(results, destination, done);
    }
  }

  /** Notes what the step has made of its nodes: results that stay readable, values that are gone, parameters that changed. */
  private finish(request: Request, nodes: readonly Tensor[], results: Results, done: Promise<void> | undefined): void {
    this.deliver(request, results, done);
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
  protected commit({ commits = [] }: Request, version: number): void {
    for (const assignment of commits) {
      assignment.buffer.version$ = version;
      commit(assignment);
    }
  }
}

/** Gives tensors the new storages that they were computed in. */
export function takeStorages({ outputs }: Request, { storages }: Results): void {
  for (const { tensor, destination } of outputs) if (destination.to === 'storage') tensor.storage$ = storages[destination.index]!;
}

/** A new version where buffers change, else the present one. */
export function versionAfter({ commits = [] }: Request): number {
  return commits.length > 0 ? bumpVersion() : currentVersion();
}

/** Makes the reading of what a failed request was to deliver reject with the error. */
function refuse({ outputs }: Request, error: Error): void {
  for (const { tensor } of outputs) {
    tensor.value$ = () => Promise.reject(error);
    tensor.storage$ = undefined;
    tensor.stale = true;
  }
  dropResolved(isResolved);
}

/** A scalar without gradients that has been read is a number: no step has to compute it again. */
function cacheScalar(tensor: Tensor, value: number): void {
  if (tensor.op.kind !== 'leaf') tensor.value$ = Object.assign(() => Promise.resolve(value), { now: () => value });
}

function valueOf(results: Results, { to, index }: { to: 'scalar' | 'view'; index: number }, done: Promise<void> | undefined): Value {
  const values = to === 'scalar' ? results.scalars : results.arrays[index]!;
  const at = to === 'scalar' ? index : 0;
  const value: Value = done === undefined ? () => Promise.resolve(values[at]!) : () => done.then(() => values[at]!);
  let ready = done === undefined;
  value.now = () => (ready ? values[at] : undefined);
  done?.then(() => (ready = true), ignore);
  return value;
}

/** The random streams that stand for the model which a request is about. */
function modelOf(nodes: readonly Tensor[]): ModelGenerator | undefined {
  for (const node of nodes) if (node instanceof Parameter && node.generator$ !== undefined) return node.generator$;
  return undefined;
}

const NONE: readonly Tensor[] = [];

function ignore(): void {}
