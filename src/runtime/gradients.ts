import { AnnealError } from '../errors.js';
import type { DType } from '../dtype.js';
import type { Storage } from '../graph/engine.js';
import { recordRules } from '../graph/recorded-rule.js';
import { markOutput } from '../graph/pending-outputs.js';
import { currentVersion } from '../graph/version.js';
import { originalInputs, postOrder } from '../graph/walk.js';
import { storageLeaf } from '../ops/leaf.js';
import { showShape, type Shape } from '../shape.js';
import { Tensor } from '../tensor.js';
import { Parameter, type PendingGradients } from '../parameter.js';
import { Session } from './session.js';
import { NOTHING, type Accumulation, type Request, type Update } from './request.js';

/** The part of the engine that gradients need. */
interface Machinery {
  allocate(shape: Shape, dtype: DType): Storage;
  /** Returns whether it is memory of the session in use. */
  owns(storage: Storage): boolean;
  /** Runs a request that adds gradients to their accumulators. Rejects, or throws, where that fails; undefined where it is done. */
  collect(request: Request): Promise<void> | undefined;
}

/**
 * Gradients between backward() and step(). Normally nothing runs in between: the step computes and consumes them. They are
 * computed early, into an accumulator, where another backward() reaches the same parameters, or where somebody looks.
 */
export class Gradients {
  /** One of the parameters that the last backward() reached, for a message. */
  private latest: WeakRef<Parameter> | undefined = undefined;

  constructor(private readonly machinery: Machinery) {}

  /** Notes that the gradients of `loss` are wanted. */
  want(loss: Tensor): void {
    checkLoss(loss);
    const nodes = postOrder([loss], differentiated);
    const parameters: Parameter[] = [];
    for (const node of nodes) if (node.inputs.length === 0 && node instanceof Parameter && node.requiresGrad) parameters.push(node);
    checkReached(loss, parameters);
    checkRegistered(parameters);
    if (loss.shape.length > 0 && loss.inputs.length > 0) markOutput(loss);
    let entry: PendingGradients = { losses: [loss], parameters, nodes, rules: recordRules(nodes) };
    for (const parameter of parameters) {
      const other = parameter.pending$;
      if (other === undefined || other === entry) continue;
      if (isComplete(other) && sharesForward(entry, other)) entry = merged(entry, other);
      else this.collect(other);
    }
    for (const parameter of entry.parameters) parameter.pending$ = entry;
    // A new reference in each step would be work for the garbage collector.
    if (this.latest?.deref() !== parameters[0]) this.latest = parameters[0] && new WeakRef(parameters[0]);
  }

  /** Gradients that a step of these parameters has to compute and may consume: it takes them when it is sure to run. */
  ofStep(parameters: readonly Parameter[]): Pick<Request, 'losses' | 'rules' | 'accumulations' | 'updates'> {
    for (const parameter of parameters) checkThere('step', parameter);
    const entries = this.separated(parameters);
    const updates: Update[] = [];
    let count = 0;
    for (const parameter of parameters) {
      const { pending$: entry, accumulator$: accumulator } = parameter;
      if (entry !== undefined) count++;
      if (entry !== undefined || accumulator !== undefined) updates.push({ parameter, hasGradient: entry !== undefined, accumulator });
    }
    if (updates.length === 0) throw noGradient(parameters, this.latest?.deref());
    const accumulations: Accumulation[] = [];
    // Nearly always all that the losses reach are the step's.
    if (count < entries.reduce((sum, entry) => sum + entry.parameters.length, 0)) {
      const own = new Set(parameters);
      for (const entry of entries) {
        // Those that wait for another optimizer.
        for (const parameter of entry.parameters) if (parameter.pending$ === entry && !own.has(parameter)) accumulations.push(this.accumulation(parameter));
      }
    }
    const { losses, rules } = together(entries);
    return { losses, rules, accumulations, updates };
  }

  /** Gradients that a program has to compute so that none of these parameters waits uncomputed: it takes them when it is sure to run. */
  early(parameters: readonly Parameter[]): Pick<Request, 'losses' | 'rules' | 'accumulations'> {
    const entries = this.separated(parameters);
    return { ...together(entries), accumulations: entries.flatMap((entry) => this.waiting(entry)) };
  }

  /** Takes the gradients of a request that is about to run: they wait for nobody else any more. */
  take({ updates, accumulations }: Pick<Request, 'updates' | 'accumulations'>): void {
    for (const { parameter, accumulator } of updates) {
      if (accumulator === undefined) releaseSpare(parameter);
      parameter.pending$ = undefined;
    }
    for (const { parameter, accumulator, earlier } of accumulations) {
      parameter.pending$ = undefined;
      if (earlier === accumulator) continue;
      if (earlier !== undefined) parameter.earlier$ = [...parameter.earlier$, earlier];
      if (accumulator.storage$ === parameter.spare$) parameter.spare$ = undefined;
      parameter.accumulator$ = accumulator;
    }
  }

  /** Drops the gradients that a submitted step used, unless the user keeps them. */
  consume(updates: readonly Update[]): void {
    for (const { parameter, accumulator } of updates) if (accumulator !== undefined) this.drop(parameter, accumulator);
  }

  /** The gradient as a tensor, computed now if it has not been. */
  of(parameter: Parameter): Tensor | undefined {
    if (parameter.pending$ !== undefined) this.collect(parameter.pending$);
    checkThere('grad', parameter);
    parameter.seen$ = parameter.accumulator$;
    return parameter.accumulator$;
  }

  /** Gradients that wait in accumulators of these parameters, the earlier ones included, and have been used: something may depend on them. */
  used(parameters: readonly Parameter[]): Tensor[] {
    const used: Tensor[] = [];
    for (const { accumulator$, earlier$, lost$ } of parameters) {
      if (accumulator$ === undefined || lost$ !== undefined) continue;
      if (accumulator$.used$) used.push(accumulator$);
      for (const earlier of earlier$) if (earlier.used$) used.push(earlier);
    }
    return used;
  }

  forget(parameters: readonly Parameter[]): void {
    for (const parameter of parameters) {
      parameter.pending$ = undefined;
      parameter.lost$ = undefined;
      if (parameter.accumulator$ !== undefined) this.drop(parameter, parameter.accumulator$);
    }
  }

  /** Notes that gradients were not computed: a step must not take what their accumulators hold for them, nor try these losses again. */
  lose({ losses, accumulations }: Pick<Request, 'losses' | 'accumulations'>, error: Error): void {
    for (const loss of losses) {
      loss.value$ = () => Promise.reject(error);
      loss.stale = true;
    }
    for (const { parameter, accumulator } of accumulations) if (parameter.accumulator$ === accumulator) parameter.lost$ ??= error;
  }

  private collect(entry: PendingGradients): void {
    const request = { ...NOTHING, commits: [], outputs: [], ...together([entry]), accumulations: this.waiting(entry) };
    this.take(request);
    try {
      this.machinery.collect(request)?.catch((error: Error) => this.lose(request, error));
    } catch (error) {
      this.lose(request, error as Error);
      throw error;
    }
  }

  /**
   * Computes entries of which some gradients wait no more on their own, and returns the others. One program adds up what comes of several entries, and those
   * gradients, though forgotten, would go into the sum where another entry reaches the same parameters.
   */
  private separated(parameters: readonly Parameter[]): PendingGradients[] {
    const entries = entriesOf(parameters);
    if (entries.length <= 1) return entries;
    for (const entry of entries) if (!isComplete(entry)) this.collect(entry);
    return entriesOf(parameters);
  }

  private waiting(entry: PendingGradients): Accumulation[] {
    const waiting = entry.parameters.filter((parameter) => parameter.pending$ === entry);
    return waiting.map((parameter) => this.accumulation(parameter));
  }

  private accumulation(parameter: Parameter): Accumulation {
    const earlier = parameter.accumulator$;
    if (earlier !== undefined && earlier !== parameter.seen$) return { parameter, accumulator: earlier, earlier };
    const accumulator = new Tensor(storageLeaf, [], undefined, parameter, false, currentVersion());
    if (parameter.spare$ !== undefined && !this.machinery.owns(parameter.spare$)) releaseSpare(parameter);
    accumulator.ofGradient$ = true;
    accumulator.storage$ = parameter.spare$ ?? this.machinery.allocate(parameter.shape, parameter.dtype);
    return { parameter, accumulator, earlier };
  }

  private drop(parameter: Parameter, accumulator: Tensor): void {
    parameter.accumulator$ = parameter.seen$ = undefined;
    if (parameter.earlier$.length > 0) {
      for (const earlier of parameter.earlier$) end(parameter, earlier);
      parameter.earlier$ = NO_INPUTS;
    }
    end(parameter, accumulator);
  }
}

/** Nobody can read this accumulator any more, unless it is kept: the next one may have its memory. */
function end(parameter: Parameter, accumulator: Tensor): void {
  if (accumulator.kept$ || accumulator.stale) return;
  accumulator.stale = true;
  releaseSpare(parameter);
  parameter.spare$ = accumulator.storage$!;
  accumulator.storage$ = undefined;
}

/** Throws for a parameter whose gradient could not be computed when it should have been. */
function checkThere(op: string, parameter: Parameter): void {
  if (parameter.lost$ === undefined) return;
  throw new AnnealError(
    'ANNEAL_GRADIENT',
    `[${op}] the gradient of ${parameter.name} is not there, because the run that was to compute it failed; its error is the cause. Call zeroGrad(), and backward() anew.`,
    { op, shapes: [parameter.shape], cause: parameter.lost$ },
  );
}

function releaseSpare(parameter: Parameter): void {
  if (parameter.spare$ === undefined) return;
  Session.release(parameter.spare$);
  parameter.spare$ = undefined;
}

function differentiated(node: Tensor): readonly Tensor[] {
  return node.requiresGrad ? originalInputs(node) : NO_INPUTS;
}

const NO_INPUTS: readonly Tensor[] = [];

/** Returns whether all of its gradients still wait. Some may have been forgotten, or taken by a step. */
function isComplete(entry: PendingGradients): boolean {
  return entry.parameters.every(({ pending$ }) => pending$ === entry);
}

/** Returns whether one forward pass serves both. Then their gradients are computed together, unless each has called a rule of the same user's op. */
function sharesForward({ nodes, rules }: PendingGradients, other: PendingGradients): boolean {
  const theirs = new Set(other.nodes);
  return nodes.some((node) => node.inputs.length > 0 && theirs.has(node)) && ![...rules.keys()].some((node) => other.rules.has(node));
}

function entriesOf(parameters: readonly Parameter[]): PendingGradients[] {
  const entries: PendingGradients[] = [];
  for (const { pending$ } of parameters) {
    // Nearly always the same one.
    if (pending$ !== undefined && pending$ !== entries.at(-1) && !entries.includes(pending$)) entries.push(pending$);
  }
  return entries;
}

function together(entries: readonly PendingGradients[]): Pick<Request, 'losses' | 'rules'> {
  const [first] = entries;
  if (entries.length === 1) return { losses: first!.losses, rules: first!.rules };
  return { losses: entries.flatMap(({ losses }) => losses), rules: new Map(entries.flatMap(({ rules }) => [...rules])) };
}

function merged(a: PendingGradients, b: PendingGradients): PendingGradients {
  const parameters = new Set([...b.parameters.filter((parameter) => parameter.pending$ === b), ...a.parameters]);
  return { losses: [...b.losses, ...a.losses], parameters: [...parameters], nodes: [...b.nodes, ...a.nodes], rules: new Map([...b.rules, ...a.rules]) };
}

function checkLoss(loss: Tensor): void {
  const details = { op: 'backward', shapes: [loss.shape] };
  if (loss.shape.length > 0 && loss.shape.some((dim) => dim !== 1)) {
    throw new AnnealError('ANNEAL_GRADIENT', `[backward] the loss has the shape ${showShape(loss.shape)}, expected a scalar. Reduce it first: loss.mean().backward().`, details);
  }
  if (loss.stale || loss.value$ !== undefined) {
    throw new AnnealError('ANNEAL_STALE_TENSOR', '[backward] the step of this loss is finished. Compute the loss again: one backward() a step.', details);
  }
  if (loss.ofGradient$) {
    throw new AnnealError(
      'ANNEAL_GRADIENT',
      '[backward] the loss depends on the gradient of a parameter, which is a number already and cannot be differentiated. ' +
        'Take it as grad(loss, [parameter], { createGraph: true }) instead; where it is to count as a constant, detach() it.',
      details,
    );
  }
  if (!loss.requiresGrad) {
    throw new AnnealError(
      'ANNEAL_GRADIENT',
      '[backward] the loss depends on no parameter that requires a gradient. Was it computed inside noGrad(), through detach() or an op without gradient, of grad() without createGraph, or are all parameters frozen?',
      details,
    );
  }
}

/** A step without gradients: of frozen parameters, of others than those that backward() reached, or before any backward(). */
function noGradient(parameters: readonly Parameter[], latest: Parameter | undefined): AnnealError {
  const others = latest?.pending$?.parameters ?? (latest?.accumulator$ === undefined ? [] : [latest]);
  const why = parameters.every(({ requiresGrad }) => !requiresGrad)
    ? 'All of them are frozen: set requiresGrad of those that are to be trained; parameters that came later, as by nn.lora(), are in an optimizer that is made after them.'
    : others.length > 0
      ? `backward() was called, but its loss depends on ${others.length} other parameters (${others[0]!.name}${others.length > 1 ? ', ...' : ''}), of another model perhaps. ` +
        'Make the optimizer of the parameters of the model that the loss comes from.'
      : 'Call loss.backward() before optimizer.step(), and zeroGrad() before backward().';
  return new AnnealError('ANNEAL_GRADIENT', `[step] no parameter of this optimizer has a gradient. ${why}`, { op: 'step' });
}

function checkReached(loss: Tensor, parameters: readonly Parameter[]): void {
  if (parameters.length > 0 || loss instanceof Parameter) return;
  throw new AnnealError('ANNEAL_GRADIENT', '[backward] the loss depends on no parameter, only on tensors that were marked with requiresGrad. Ask for their gradients: grad(loss, [x]).', {
    op: 'backward',
    shapes: [loss.shape],
  });
}

function checkRegistered(parameters: readonly Parameter[]): void {
  const stray = parameters.find((parameter) => parameter.name === '');
  if (stray === undefined) return;
  throw new AnnealError(
    'ANNEAL_UNREGISTERED_PARAMETER',
    `[backward] reaches a parameter of shape ${showShape(stray.shape)} that no module registers, so no optimizer would train it. ` +
      'Make it a field of a Module, or of an array, a plain object or a Map there, before model.parameters() is called; private fields (#name) cannot be searched.',
    { op: 'backward', shapes: [stray.shape] },
  );
}
