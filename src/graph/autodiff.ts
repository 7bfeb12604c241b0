import { AnnealError } from '../errors.js';
import { add } from '../ops/arithmetic.js';
import { one, sharingNumbers } from '../ops/leaf.js';
import type { GradientRule, OutputGradients } from '../ops/record.js';
import { reshape } from '../ops/views.js';
import type { Tensor } from '../tensor.js';
import { NO_RULES, replayed, type RecordedRules } from './recorded-rule.js';
import { Recomputation } from './recomputation.js';
import { withoutTracking } from './recorder.js';
import { allOutputs, originalInputs, postOrder } from './walk.js';

/**
 * d(sum of losses)/d(target) for each target, as nodes; undefined where no loss depends on it. Rules that are users' functions are taken
 * from `rules`, or called where they are not there. `createGraph`: the gradients require gradients themselves.
 */
export function gradients(losses: readonly Tensor[], targets: readonly Tensor[], rules: RecordedRules = NO_RULES, createGraph = false): (Tensor | undefined)[] {
  const roots = (): Root[] => losses.map((loss) => ({ tensor: loss, gradient: loss.shape.length === 0 ? one : reshape(one, loss.shape) }));
  return withoutTracking(() => sharingNumbers(() => backpropagate(roots(), targets, originalInputs, rules)), createGraph);
}

/** The gradient rule of an op that equals a composition of others: goes back through that, recorded anew. The compiler computes what both share once. */
export function throughComposition<A>(compose: (inputs: readonly Tensor[], attrs: A) => Tensor | readonly Tensor[]): GradientRule<A, OutputGradients> {
  return (dys, { inputs }, attrs) => {
    const outputs = withoutTracking(() => [compose(inputs, attrs)].flat(), true);
    const roots = outputs.flatMap((tensor, i): Root[] => {
      const gradient = dys[i];
      return gradient === undefined || !tensor.requiresGrad ? [] : [{ tensor, gradient }];
    });
    const ends = new Set(inputs);
    return backpropagate(roots, inputs, (node) => (ends.has(node) ? NO_INPUTS : node.inputs), NO_RULES);
  };
}

/** A beginning of a walk back: a tensor, and the gradient with respect to it. */
interface Root {
  readonly tensor: Tensor;
  readonly gradient: Tensor;
}

const NO_INPUTS: readonly Tensor[] = [];

/** Reverse mode: every node's rule turns the gradients of its outputs into the gradients of its operands, which add up. */
function backpropagate(roots: readonly Root[], targets: readonly Tensor[], operands: (node: Tensor) => readonly Tensor[], rules: RecordedRules): (Tensor | undefined)[] {
  const order = postOrder(
    roots.map(({ tensor }) => tensor),
    (node) => (node.requiresGrad ? operands(node) : NO_INPUTS),
  );
  const leads = reaching(order, new Set(targets), operands);
  const gradient = new Map<Tensor, Tensor>();
  const accumulate = (tensor: Tensor, term: Tensor): void => {
    const sum = gradient.get(tensor);
    gradient.set(tensor, sum === undefined ? term : sumOf(sum, term));
  };
  for (const root of roots) accumulate(root.tensor, root.gradient);
  const recomputation = new Recomputation();
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i]!;
    const inputs = operands(node);
    if (inputs.length === 0 || node.op.kind === 'output' || !leads.has(node)) continue;
    const dys = allOutputs(node).map((output) => gradient.get(output));
    if (dys.every((dy) => dy === undefined)) continue;
    const terms = termsOf(node, dys, rules, recomputation);
    inputs.forEach((input, k) => {
      const term = terms[k];
      if (term === undefined || !leads.has(input)) return;
      accumulate(input, term);
      recomputation.flows(node, input);
    });
  }
  recomputation.finish();
  return targets.map((target) => gradient.get(target));
}

function sumOf(sum: Tensor, term: Tensor): Tensor {
  return (sum.op === term.op ? sum.op.join?.(sum, term) : undefined) ?? add(sum, term);
}

function termsOf(node: Tensor, dys: readonly (Tensor | undefined)[], rules: RecordedRules, recomputation: Recomputation): readonly (Tensor | undefined)[] {
  const recorded = rules.get(node);
  const read = recomputation.node(node, dys);
  if (recorded !== undefined) return replayed(recorded, node, dys[0]!, (tensor) => recomputation.tensor(node.region$, tensor));
  const rule = node.op.gradient;
  if (typeof rule === 'function') return rule(dys as never, read, node.attrs as never);
  if ('none' in rule) return [];
  throw new AnnealError('ANNEAL_GRADIENT', `[grad] ${node.op.name} is not differentiated further: ${rule.missing}. Take it out of what is differentiated twice, or detach() its operands.`, {
    op: 'grad',
    shapes: [node.shape],
  });
}

/** The nodes of `order` through which a gradient flows to a target. */
function reaching(order: readonly Tensor[], targets: ReadonlySet<Tensor>, operands: (node: Tensor) => readonly Tensor[]): Set<Tensor> {
  const leads = new Set<Tensor>();
  for (const node of order) {
    if (node.requiresGrad && (targets.has(node) || operands(node).some((input) => leads.has(input)))) leads.add(node);
  }
  return leads;
}
