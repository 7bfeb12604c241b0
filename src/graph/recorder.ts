import type { Attrs, OpRecord } from '../ops/record.js';
import { Tensor } from '../tensor.js';
import { markOutput } from './pending-outputs.js';
import { anyAssigned, latest } from './assignments.js';
import { RecomputeRegion } from './recompute-region.js';
import { staleError } from './stale.js';
import { currentVersion } from './version.js';
import { checkLimits, checkOperands } from '../ops/check.js';
import { outputOp } from '../ops/leaf.js';

const NONE: ReadonlySet<Tensor> = new Set();

/** The mode in which ops are being recorded. One per environment: user code is synchronous between two awaits. */
const mode = {
  /** Results of ops on tensors that require gradients require gradients too. */
  grad: true,
  /** Rules and decompositions are composing nodes: not the user's, so nothing of theirs is tracked. */
  untracked: false,
  /** Tensors that count as constants, whether they require gradients or not. */
  constants: NONE as ReadonlySet<Tensor>,
  /** The innermost call of recompute(). */
  region: undefined as RecomputeRegion | undefined,
};

/** Runs each node as it is recorded; undefined but in eager mode. */
let runEagerly: ((tensor: Tensor) => void) | undefined;

/** Adds a node to the graph: checks the operands by the op's record, in the user's call, and returns a handle. */
export function record<T extends Tensor = Tensor>(op: OpRecord, inputs: readonly Tensor[], attrs?: Attrs): T {
  checkOperands(op.name, inputs);
  const inferred = op.infer(inputs, attrs as never);
  checkLimits(op.name, inferred.shape, inputs);
  let requiresGrad = false;
  let ofGradient = false;
  for (const input of inputs) {
    if (input.stale) throw staleError(op.name, input);
    if (input.requiresGrad && !mode.constants.has(input)) requiresGrad = mode.grad;
    if (input.ofGradient$) {
      ofGradient = mode.grad;
      input.used$ = true;
    }
  }
  const differentiable = typeof op.gradient === 'function' || !('none' in op.gradient);
  const operands = anyAssigned() && !mode.untracked && op.kind !== 'effect' ? inputs.map(latest) : inputs;
  const tensor = new Tensor(op, operands, attrs, inferred, differentiable && requiresGrad, currentVersion());
  tensor.ofGradient$ = differentiable && ofGradient;
  tensor.region$ = mode.region;
  if (tensor.more.length > 0) tensor.outputs$ = makeOutputs(tensor);
  if (inferred.shape.length === 0 && !mode.untracked && op.kind !== 'leaf') markOutput(tensor);
  if (runEagerly !== undefined && op.kind !== 'leaf') runEagerly(tensor);
  return tensor as T;
}

/** Runs `fn` without recording gradients: what it returns does not require any. `fn` must be synchronous. */
export function noGrad<R>(fn: () => R): R {
  const before = mode.grad;
  mode.grad = false;
  try {
    const result = fn();
    if (result instanceof Promise) {
      throw new TypeError('[noGrad] the function must be synchronous: await its result outside, as in await noGrad(() => model.forward(x)).data()');
    }
    return result;
  } finally {
    mode.grad = before;
  }
}

/** Runs `fn`, which composes nodes on behalf of a rule: gradients are recorded only where `grad` says so. */
export function withoutTracking<R>(fn: () => R, grad = false): R {
  const before = { ...mode };
  mode.grad = grad;
  mode.untracked = true;
  try {
    return fn();
  } finally {
    Object.assign(mode, before);
  }
}

/** Runs `fn`, which composes a user's op of these operands: gradients are recorded of everything else, for which the op has none. */
export function withoutTrackingOf<R>(operands: readonly Tensor[], fn: () => R): R {
  const before = mode.constants;
  const grad = mode.grad;
  mode.constants = new Set([...before, ...operands]);
  try {
    return withoutTracking(fn, grad);
  } finally {
    mode.constants = before;
  }
}

/** Composes nodes that eager mode does not run: what they stand for is not known yet. They are part of no recomputation that is being recorded. */
export function deferring<R>(fn: () => R): R {
  const run = runEagerly;
  runEagerly = undefined;
  try {
    return withoutTracking(() => {
      mode.region = undefined;
      return fn();
    });
  } finally {
    runEagerly = run;
  }
}

/** Returns whether every node runs as it is recorded. */
export function runsEagerly(): boolean {
  return runEagerly !== undefined;
}

export function gradientsEnabled(): boolean {
  return mode.grad;
}

/** Turns eager mode on (with what runs a node) or off. */
export function setEager(run: ((tensor: Tensor) => void) | undefined): void {
  runEagerly = run;
}

/** Runs `fn`, whose nodes are computed again for the backward pass; see recompute(). Nothing is, where no gradients are recorded, or where nodes run at once and are there. */
export function recomputing<R>(fn: () => R): R {
  if (!mode.grad || runEagerly !== undefined) return fn();
  const before = mode.region;
  const region = new RecomputeRegion(before, currentVersion());
  mode.region = region;
  try {
    return fn();
  } finally {
    mode.region = before;
    region.isOpen = false;
  }
}

/** A tensor that computes `original` again, by this op of these operands. As old as `version`, it is as stale as what was recorded then, where operands have changed since. */
export function recordAgain(original: Tensor, op: OpRecord, inputs: readonly Tensor[], version: number): Tensor {
  const { shape, dtype, attrs, more } = original;
  const tensor = op === original.op ? new Tensor(op, inputs, attrs, { shape, dtype, more }, original.requiresGrad, version) : new Tensor(op, inputs, undefined, { shape, dtype }, original.requiresGrad, version);
  tensor.ofGradient$ = original.ofGradient$;
  tensor.region$ = mode.region;
  tensor.original$ = original.original$ ?? original;
  if (tensor.more.length > 0) {
    tensor.outputs$ = makeOutputs(tensor);
    tensor.outputs$.forEach((output, i) => (output.original$ = original.outputs$![i]!.original$ ?? original.outputs$![i]!));
  }
  return tensor;
}

/** The index-th output of a node; its first is the node itself. */
export function outputOf<T extends Tensor = Tensor>(node: Tensor, index: number): T {
  return (index === 0 ? node : node.outputs$![index - 1]!) as T;
}

/** The outputs behind a node's first, one tensor each. */
function makeOutputs(node: Tensor): readonly Tensor[] {
  return node.more.map((meta, i) => {
    const requiresGrad = node.requiresGrad && meta.auxiliary !== true && meta.dtype === 'float32';
    const output = new Tensor(outputOp, [node], { index: i + 1 }, meta, requiresGrad, node.recordedVersion);
    output.ofGradient$ = node.ofGradient$;
    output.region$ = node.region$;
    if (meta.shape.length === 0 && meta.auxiliary !== true && !mode.untracked) markOutput(output);
    return output;
  });
}

