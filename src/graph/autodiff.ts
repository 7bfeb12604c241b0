import { add, reshape } from '../ops/index.js';
import { slots } from '../ops/leaf.js';
import type { Tensor } from '../tensor.js';
import { NO_RULES, replayed, type RecordedRules } from './recorded-rule.js';
import { withoutTracking } from './recorder.js';
import { allOutputs, postOrder } from './walk.js';

/** The gradient of a loss with respect to itself. One object, so that the compiler can see a multiplication by it. */
export const one: Tensor = slots([1], 'float32', []);

/**
 * d(sum of losses)/d(target) for each target, as nodes; undefined where no loss depends on it.
 * Reverse mode: every node's rule turns the gradients of its outputs into the gradients of its operands, which add up. Rules that are
 * users' functions are taken from `rules`, or called where they are not there.
 */
export function gradients(losses: readonly Tensor[], targets: readonly Tensor[], rules: RecordedRules = NO_RULES): (Tensor | undefined)[] {
  return withoutTracking(() => {
    const order = postOrder(losses, (node) => (node.requiresGrad ? node.inputs : []));
    const leads = reaching(order, new Set(targets));
    const gradient = new Map<Tensor, Tensor>();
    const accumulate = (tensor: Tensor, term: Tensor): void => {
      const sum = gradient.get(tensor);
      gradient.set(tensor, sum === undefined ? term : add(sum, term));
    };
    for (const loss of losses) accumulate(loss, loss.shape.length === 0 ? one : reshape(one, loss.shape));
    for (let i = order.length - 1; i >= 0; i--) {
      const node = order[i]!;
      const rule = node.op.gradient;
      if (typeof rule !== 'function' || node.inputs.length === 0 || !leads.has(node)) continue;
      const dys = allOutputs(node).map((output) => gradient.get(output));
      if (dys.every((dy) => dy === undefined)) continue;
      const recorded = rules.get(node);
      const terms = recorded === undefined ? rule(dys as never, node, node.attrs as never) : replayed(recorded, node, dys[0]!);
      node.inputs.forEach((input, k) => {
        const term = terms[k];
        if (term !== undefined && leads.has(input)) accumulate(input, term);
      });
    }
    return targets.map((target) => gradient.get(target));
  });
}

/** The nodes of `order` through which a gradient flows to a target. */
function reaching(order: readonly Tensor[], targets: ReadonlySet<Tensor>): Set<Tensor> {
  const leads = new Set<Tensor>();
  for (const node of order) {
    if (node.requiresGrad && (targets.has(node) || node.inputs.some((input) => leads.has(input)))) leads.add(node);
  }
  return leads;
}
