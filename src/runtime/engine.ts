import { AnnealError, StaleTensorError } from '../errors.js';
import type { DType, TypedArray } from '../dtype.js';
import { dtypes } from '../dtype.js';
import type { Engine, StepOptions, Steps, Storage, Updater } from '../graph/engine.js';
import { goneError } from '../graph/gone.js';
import { awaitedValues, composing, forgetValues, tick } from '../graph/recorder.js';
import { postOrder } from '../graph/walk.js';
import { fromArray } from '../ops/leaf.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import { Parameter, type Tensor } from '../tensor.js';
import { loadNative } from './binding.js';
import { explain } from './explain.js';
import { Gradients } from './gradients.js';
import { Plan, type Results } from './plan.js';
import { NOTHING, type Output, type Request } from './request.js';
import { savedValues } from './saved.js';
import { Session } from './session.js';
import { trace } from './trace.js';

const MAX_PLANS = 64;

/** How long repeated steps may take in one call, in estimated ns: nothing can be stopped or looked at meanwhile. */
const REPEATED_NS = 2_000_000;

/** A submitted run: what it leaves behind, and when (undefined: it is done). */
export class Run {
  results: Results = { scalars: new Float32Array(0), arrays: [], storages: [] };
  done: Promise<void> | undefined = undefined;
  /** Iterations: all, those that begin, and those that come to their end; told apart by a failure. */
  count = 1;
  begun = 0;
  completed = 0;
}

/** Up to how often a run may be repeated, and what goes on to the numbers of the next iteration, if there is one. */
interface Repetition {
  readonly most: number;
  next(): boolean;
}

const ONCE: Repetition = { most: 1, next: () => false };
const ONE_STEP: StepOptions = {};

/** Plans once and replays: see "Five ideas" in docs/architecture.md. */
export class PlannedEngine implements Engine {
  readonly session: Session;
  private readonly native = loadNative();
  /** Run everything on the calling thread, however long it takes. */
  protected readonly atOnce: boolean = false;
  protected readonly fuse: boolean = true;
  protected readonly gradients: Gradients;
  /** Plans of requests without an optimizer, most recently used last; those of a step live as long as their optimizer. */
  private readonly plans: Plan[] = [];
  private readonly stepPlans = new WeakMap<Updater, Plan[]>();

  constructor(target?: string) {
    this.session = new Session(target);
    this.gradients = new Gradients({
      allocate: (shape, dtype) => this.allocate(shape, dtype),
      release: (storage) => this.session.release(storage),
      collect: (request) => this.collect(request),
    });
  }

  async read(tensor: Tensor): Promise<TypedArray> {
    if (tensor.value$ !== undefined) return new dtypes[tensor.dtype].array(1).fill(await tensor.value$()) as TypedArray;
    if (tensor.stale) throw goneError('data', tensor);
    if (tensor.data$ !== undefined) return tensor.data$.slice();
    const saved = savedValues(tensor);
    const outputs: Output[] = [{ tensor, destination: { to: 'view', index: 0 } }];
    saved.forEach((node, index) => outputs.push({ tensor: node, destination: { to: 'storage', index } }));
    const { results, done } = this.run({ ...NOTHING, outputs });
    saved.forEach((node, index) => (node.storage$ = results.storages[index]!));
    await done;
    const elements = results.arrays[0]!;
    if (tensor.shape.length === 0 && !tensor.requiresGrad) settle(tensor, elements[0]!);
    return elements;
  }

  async step(updater: Updater): Promise<void> {
    const { done } = this.steps(updater, ONE_STEP);
    if (done !== undefined) await done;
  }

  steps(updater: Updater, { watched = NONE, most = 1, draws }: StepOptions): Steps {
    const request = this.stepOf(updater, watched);
    const nodes = this.ready(request);
    const updated = request.updates.map(({ parameter }) => parameter);
    updater.advance(updated);
    const next = (): boolean => {
      try {
        updater.advance(updated);
      } catch {
        // The next call meets this error as its first.
        return false;
      }
      draws?.advance();
      return true;
    };
    const run = new Run();
    const fail = (error: Error): Promise<void> => {
      for (let i = run.completed; i < run.count; i++) updater.retreat(updated);
      draws?.retreat(run.count - run.begun);
      this.fail(request, error);
      return Promise.reject(error);
    };
    try {
      this.execute(request, nodes, run, mayRepeat(request, watched) ? { most, next } : ONCE);
      run.done = run.done?.catch(fail);
      this.finish(request, run.results, run.done);
      run.done ??= this.session.breathe();
    } catch (error) {
      run.done = fail(error as Error);
    }
    run.done?.catch(() => undefined);
    return new SubmittedSteps(run, request.outputs, watched);
  }

  backward(loss: Tensor): void {
    this.gradients.want(loss);
  }

  zeroGrad(parameters: readonly Parameter[]): void {
    this.gradients.forget(parameters);
  }

  gradientOf(parameter: Parameter): Tensor | undefined {
    return this.gradients.of(parameter);
  }

  dispose(tensor: Tensor): void {
    tensor.inputs = NONE;
    tensor.data$ = undefined;
    if (tensor.storage$ !== undefined) this.session.release(tensor.storage$);
    tensor.storage$ = undefined;
  }

  allocate(shape: Shape, dtype: DType): Storage {
    return this.session.allocate(sizeOf(shape) * dtypes[dtype].bytes);
  }

  write(tensor: Tensor, data: TypedArray): void {
    this.assign(tensor, fromArray(data.slice(), tensor.shape, tensor.dtype));
  }

  assign(target: Tensor, source: Tensor): void {
    if (sizeOf(source.shape) !== sizeOf(target.shape)) {
      throw new AnnealError('ANNEAL_SHAPE_MISMATCH', `[assign] sizes differ: got ${showShape(source.shape)}, expected ${showShape(target.shape)}.`);
    }
    if (target instanceof Parameter) target.initializer$ = undefined;
    target.storage$ ??= this.allocate(target.shape, target.dtype);
    this.run({ ...NOTHING, outputs: [{ tensor: source, destination: { to: 'leaf', leaf: target } }] });
    target.changedAt$ = tick();
  }

  settle(): Promise<void> {
    return this.session.settle();
  }

  /** Everything that the next step of this optimizer has to do. */
  private stepOf(updater: Updater, watched: readonly Tensor[]): Request {
    const { losses, accumulations, updates } = this.gradients.take(updater.parameters);
    const outputs = outputsFor(awaitedBy(losses, updates), watched);
    return { ...NOTHING, losses, outputs, accumulations, updater, updates };
  }

  protected run(request: Request): Run {
    const run = new Run();
    this.submit(request, this.ready(request), run, ONCE);
    return run;
  }

  /** Runs a step whose nodes are ready. */
  protected execute(request: Request, nodes: readonly Tensor[], run: Run, repetition: Repetition): void {
    this.submit(request, nodes, run, repetition);
  }

  /** Adds gradients to their accumulators. */
  protected collect(request: Request): void {
    this.run(request);
  }

  /** The nodes of a request, all of whose parameters have values; throws for one whose values are gone. */
  protected ready(request: Request): Tensor[] {
    let nodes = trace(request);
    let complete = true;
    for (const node of nodes) {
      if (node.storage$ !== undefined || !(node instanceof Parameter) || node.initializer$ === undefined) continue;
      this.initialise(node);
      complete = false;
    }
    // Initialising has walked through the graph itself.
    if (!complete) nodes = trace(request);
    for (const node of nodes) checkFresh(node);
    return nodes;
  }

  private initialise(parameter: Parameter): void {
    const first = parameter.initializer$!;
    const at = parameter.changedAt$;
    this.assign(
      parameter,
      composing(() => first(parameter)),
    );
    parameter.changedAt$ = at;
  }

  private submit(request: Request, nodes: readonly Tensor[], run: Run, { most, next }: Repetition): void {
    const plan = this.plan(request, nodes);
    const limit = most === 1 ? 1 : Math.max(1, Math.min(most, Math.floor(REPEATED_NS / plan.cost)));
    const { slots, count } = plan.fill(nodes, limit, next);
    run.count = run.begun = run.completed = count;
    const { storages, views, results } = plan.bind(nodes, this.session, count);
    run.results = results;
    const explanation = explain(plan, nodes);
    run.done = this.session.submit(
      {
        program: plan.program,
        storages,
        views,
        slots,
        repeat: count,
        cost: plan.cost,
        explain: (error, before) => {
          run.completed = error.failure?.iteration ?? 0;
          run.begun = error.code === 'ANNEAL_SESSION_FAILED' ? 0 : run.completed + 1;
          return explanation(error, before);
        },
      },
      this.atOnce,
    );
  }

  protected plan(request: Request, nodes: readonly Tensor[]): Plan {
    const plans = this.plansFor(request);
    for (let i = plans.length - 1; i >= 0; i--) {
      const plan = plans[i]!;
      if (!plan.structure.matches(request, nodes)) continue;
      if (i !== plans.length - 1) plans.push(...plans.splice(i, 1));
      return plan;
    }
    const plan = this.makePlan(request, nodes);
    plans.push(plan);
    if (plans.length > MAX_PLANS) plans.shift();
    return plan;
  }

  protected makePlan(request: Request, nodes: readonly Tensor[]): Plan {
    return new Plan(request, nodes, this.session, this.native, { fuse: this.fuse });
  }

  private plansFor({ updater }: Request): Plan[] {
    if (updater === undefined) return this.plans;
    let plans = this.stepPlans.get(updater);
    if (plans === undefined) this.stepPlans.set(updater, (plans = []));
    return plans;
  }

  /** A step that failed has changed no parameter, and has no results: reading one rejects with the step's error. */
  private fail(request: Request, error: Error): void {
    for (const { tensor } of request.outputs) {
      tensor.value$ = () => Promise.reject(error);
      tensor.storage$ = undefined;
      tensor.stale = true;
    }
    forgetValues(isSettled);
  }

  /** Notes what the step has made of its nodes: results that stay readable, values that are gone, parameters that changed. */
  private finish(request: Request, results: Results, done: Promise<void> | undefined): void {
    for (const { tensor, destination } of request.outputs) {
      if (destination.to === 'leaf') continue;
      if (destination.to === 'storage') tensor.storage$ = results.storages[destination.index]!;
      else tensor.value$ = valueOf(results, destination, done);
    }
    const time = tick();
    for (const { parameter } of request.updates) parameter.changedAt$ = time;
    const roots = [...request.losses];
    for (const { tensor } of request.outputs) roots.push(tensor);
    for (const node of postOrder(roots, everyInput)) if (hasChanged(node, time)) retire(node, this.session);
    this.gradients.consume(request.updates);
    forgetValues(isSettled);
  }
}

/** A scalar without gradients that has been read is a number: no step has to compute it again. */
function settle(tensor: Tensor, value: number): void {
  if (tensor.op.kind !== 'leaf') tensor.value$ = () => Promise.resolve(value);
}

/** Nothing more is to come of this scalar or kept tensor: it has its value, or never can have one. */
function isSettled(tensor: Tensor): boolean {
  return tensor.stale || tensor.value$ !== undefined || (tensor.kept$ && tensor.inputs.length === 0);
}

/** The user's scalars and kept tensors that a step must deliver: those that depend on what it updates. */
function awaitedBy(losses: readonly Tensor[], updates: Request['updates']): Tensor[] {
  return awaitedValues().filter((tensor) => !isSettled(tensor) && (losses.includes(tensor) || dependsOn(tensor, updates)));
}

/** Where a step leaves what it has to deliver, each once. */
function outputsFor(awaited: readonly Tensor[], watched: readonly Tensor[]): Output[] {
  const tensors = [...awaited, ...watched.filter((tensor, i) => !isSettled(tensor) && !awaited.includes(tensor) && watched.indexOf(tensor) === i)];
  const count = { scalar: 0, view: 0, storage: 0 };
  return tensors.map((tensor) => {
    const to = tensor.kept$ ? 'storage' : tensor.dtype === 'float32' ? 'scalar' : 'view';
    return { tensor, destination: { to, index: count[to]++ } };
  });
}

/** Is nothing asked of this step but what every repetition gives anew? Gradients that wait in accumulators are consumed by the first. */
function mayRepeat({ outputs, accumulations, updates }: Request, watched: readonly Tensor[]): boolean {
  return (
    accumulations.length === 0 &&
    updates.every(({ accumulator }) => accumulator === undefined) &&
    outputs.every(({ tensor, destination }) => watched.includes(tensor) && destination.to !== 'storage')
  );
}

/** What the caller of steps() gets to see of their run. */
class SubmittedSteps implements Steps {
  constructor(
    private readonly run: Run,
    private readonly outputs: readonly Output[],
    private readonly watched: readonly Tensor[],
  ) {}

  get count(): number {
    return this.run.count;
  }

  get done(): Promise<void> | undefined {
    return this.run.done;
  }

  get completed(): number {
    return this.run.completed;
  }

  values(i: number): ArrayLike<number> | undefined {
    const destination = this.outputs.find(({ tensor }) => tensor === this.watched[i])?.destination;
    if (destination === undefined || destination.to === 'storage' || destination.to === 'leaf') return undefined;
    const { scalars, arrays } = this.run.results;
    if (destination.to === 'view') return arrays[destination.index];
    const each = scalars.length / this.run.count;
    return each === 1 ? scalars : Array.from({ length: this.run.count }, (_, step) => scalars[step * each + destination.index]!);
  }
}

function valueOf(results: Results, { to, index }: { to: 'scalar' | 'view'; index: number }, done: Promise<void> | undefined): () => Promise<number> {
  const value = (): number => (to === 'scalar' ? results.scalars[index]! : results.arrays[index]![0]!);
  return done === undefined ? () => Promise.resolve(value()) : () => done.then(value);
}

const everyInput = (node: Tensor): readonly Tensor[] => node.inputs;

/** Does a node depend on what changed at `time`? Nodes are asked operands first, and marked. */
function hasChanged(node: Tensor, time: number): boolean {
  for (const input of node.inputs) {
    if (input.changedAt$ !== time) continue;
    node.changedAt$ = time;
    return true;
  }
  return false;
}

function dependsOn(tensor: Tensor, updates: Request['updates']): boolean {
  const updated = new Set<Tensor>(updates.map(({ parameter }) => parameter));
  return postOrder([tensor], everyInput).some((node) => updated.has(node));
}

/** The step of this node has run: unless it is kept, its elements are gone, and the graph behind it is not needed any more. */
function retire(node: Tensor, session: Session): void {
  node.inputs = NONE;
  if (node.kept$ && node.storage$ !== undefined) return;
  node.stale = true;
  if (node.storage$ === undefined || node.kept$) return;
  session.release(node.storage$);
  node.storage$ = undefined;
}

const NONE: readonly Tensor[] = [];

function checkFresh(node: Tensor): void {
  if (node.stale) throw goneError(node.op.name, node);
  for (const input of node.inputs) {
    if (input.changedAt$ <= node.recordedAt) continue;
    const what = input instanceof Parameter && input.name !== '' ? `parameter ${input.name}` : 'a parameter';
    throw new StaleTensorError(
      `[${node.op.name}] was recorded before ${what} changed, so it would show another step's numbers. ` +
        `Read it before the step runs, call keep() on it, or compute it again.`,
      { op: node.op.name, shapes: [node.shape] },
    );
  }
}
