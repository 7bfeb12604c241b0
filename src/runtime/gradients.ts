import { AnnealError } from '../errors.js';
import type { DType } from '../dtype.js';
import type { Storage } from '../graph/engine.js';
import { now } from '../graph/recorder.js';
import { postOrder } from '../graph/walk.js';
import { storageLeaf } from '../ops/leaf.js';
import { showShape, type Shape } from '../shape.js';
import { Parameter, Tensor } from '../tensor.js';
import { NOTHING, type Accumulation, type Request, type Update } from './request.js';

/** What gradients need of the engine. */
interface Machinery {
  allocate(shape: Shape, dtype: DType): Storage;
  release(storage: Storage): void;
  /** Runs a request that adds gradients to their accumulators. */
  collect(request: Request): void;
}

/** Losses whose gradients are wanted and not yet computed, and the parameters that still wait for them. */
interface Pending {
  readonly losses: Tensor[];
  readonly parameters: Set<Parameter>;
  readonly nodes: Set<Tensor>;
}

/**
 * Gradients between backward() and step(). Normally nothing runs in between: the step computes and consumes them. They are
 * computed early, into an accumulator, where another backward() reaches the same parameters, or where somebody looks.
 */
export class Gradients {
  private pending: Pending[] = [];
  private readonly accumulators = new WeakMap<Parameter, Tensor>();

  constructor(private readonly machinery: Machinery) {}

  /** Notes that the gradients of `loss` are wanted. */
  want(loss: Tensor): void {
    checkLoss(loss);
    const nodes = postOrder([loss], (node) => (node.requiresGrad ? node.inputs : []));
    const parameters = nodes.filter((node): node is Parameter => node instanceof Parameter && node.requiresGrad);
    checkRegistered(parameters);
    const inner = nodes.filter((node) => node.inputs.length > 0);
    const reached = new Set(parameters);
    for (const other of [...this.pending]) {
      if (parameters.every((parameter) => !other.parameters.has(parameter))) continue;
      if (inner.some((node) => other.nodes.has(node))) {
        // One forward pass serves both losses.
        other.losses.push(loss);
        for (const parameter of parameters) other.parameters.add(parameter);
        for (const node of inner) other.nodes.add(node);
        return;
      }
      this.collect(other);
    }
    this.pending.push({ losses: [loss], parameters: reached, nodes: new Set(inner) });
  }

  /** What a step of these parameters has to compute and may consume. */
  take(parameters: readonly Parameter[]): Pick<Request, 'losses' | 'accumulations' | 'updates'> {
    const own = new Set(parameters);
    const mine = this.pending.filter((entry) => parameters.some((parameter) => entry.parameters.has(parameter)));
    const updates: Update[] = [];
    for (const parameter of parameters) {
      const reached = mine.some((entry) => entry.parameters.has(parameter));
      const accumulator = this.held(parameter);
      if (reached || accumulator !== undefined) updates.push({ parameter, reached, accumulator });
    }
    if (updates.length === 0) {
      throw new AnnealError(
        'ANNEAL_GRADIENT',
        '[step] no parameter of this optimizer has a gradient. Call loss.backward() before optimizer.step(), and zeroGrad() before backward().',
      );
    }
    const foreign = mine.flatMap((entry) => [...entry.parameters].filter((parameter) => !own.has(parameter)));
    const accumulations = foreign.map((parameter) => this.accumulation(parameter));
    this.pending = this.pending.filter((entry) => !mine.includes(entry));
    return { losses: mine.flatMap((entry) => entry.losses), accumulations, updates };
  }

  /** Called when a step has been submitted: the gradients that it used are gone, unless the user keeps them. */
  consume(updates: readonly Update[]): void {
    for (const { parameter, accumulator } of updates) if (accumulator !== undefined) this.drop(parameter, accumulator);
  }

  /** The gradient as a tensor, computed now if it has not been. */
  of(parameter: Parameter): Tensor | undefined {
    for (const entry of [...this.pending]) if (entry.parameters.has(parameter)) this.collect(entry);
    return this.held(parameter);
  }

  forget(parameters: readonly Parameter[]): void {
    for (const parameter of parameters) {
      for (const entry of this.pending) entry.parameters.delete(parameter);
      const accumulator = this.held(parameter);
      if (accumulator !== undefined) this.drop(parameter, accumulator);
    }
    this.pending = this.pending.filter((entry) => entry.parameters.size > 0);
  }

  private collect(entry: Pending): void {
    this.pending = this.pending.filter((other) => other !== entry);
    const accumulations = [...entry.parameters].map((parameter) => this.accumulation(parameter));
    this.machinery.collect({ ...NOTHING, losses: entry.losses, accumulations });
  }

  private accumulation(parameter: Parameter): Accumulation {
    const held = this.held(parameter);
    if (held !== undefined) return { parameter, accumulator: held, holds: true };
    const accumulator = new Tensor(storageLeaf, [], undefined, parameter, false, now());
    accumulator.storage$ = this.machinery.allocate(parameter.shape, parameter.dtype);
    this.accumulators.set(parameter, accumulator);
    return { parameter, accumulator, holds: false };
  }

  private held(parameter: Parameter): Tensor | undefined {
    return this.accumulators.get(parameter);
  }

  private drop(parameter: Parameter, accumulator: Tensor): void {
    this.accumulators.delete(parameter);
    if (accumulator.kept$) return;
    accumulator.stale = true;
    this.machinery.release(accumulator.storage$!);
    accumulator.storage$ = undefined;
  }
}

function checkLoss(loss: Tensor): void {
  const details = { op: 'backward', shapes: [loss.shape] };
  if (loss.shape.length > 0 && loss.shape.some((dim) => dim !== 1)) {
    throw new AnnealError('ANNEAL_GRADIENT', `[backward] the loss has the shape ${showShape(loss.shape)}, expected a scalar. Reduce it first: loss.mean().backward().`, details);
  }
  if (loss.stale || loss.value$ !== undefined) {
    throw new AnnealError('ANNEAL_STALE_TENSOR', '[backward] the step of this loss is finished. Compute the loss again: one backward() a step.', details);
  }
  if (!loss.requiresGrad) {
    throw new AnnealError(
      'ANNEAL_GRADIENT',
      '[backward] the loss depends on no parameter that requires a gradient. Was it computed inside noGrad(), or through detach() or an op without gradient?',
      details,
    );
  }
}

function checkRegistered(parameters: readonly Parameter[]): void {
  const stray = parameters.find((parameter) => parameter.name === '');
  if (stray === undefined) return;
  throw new AnnealError(
    'ANNEAL_UNREGISTERED_PARAMETER',
    `[backward] reaches a parameter of shape ${showShape(stray.shape)} that no module registers, so no optimizer would train it. ` +
      'Make it a field of a Module, or of an array field, before model.parameters() is called.',
    { op: 'backward', shapes: [stray.shape] },
  );
}
