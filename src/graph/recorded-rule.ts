import { placeholderLeaf } from '../ops/leaf.js';
import type { GradientRule } from '../ops/record.js';
import { Tensor } from '../tensor.js';
import { deferring, outputOf, record, runsEagerly } from './recorder.js';
import { currentVersion } from './version.js';
import { postOrder } from './walk.js';

/** Nodes that a user's gradient rule has composed for one node when backward() was called: `terms`, from a placeholder for the node's gradient. */
export interface RecordedRule {
  readonly dy: Tensor;
  readonly terms: readonly (Tensor | undefined)[];
}

/** Recorded rules by node. */
export type RecordedRules = ReadonlyMap<Tensor, RecordedRule>;

export const NO_RULES: RecordedRules = new Map();

/** The rules among these nodes that are a user's functions, called now. The last node comes first, as in a backward pass. */
export function recordRules(nodes: readonly Tensor[]): RecordedRules {
  let rules: Map<Tensor, RecordedRule> | undefined;
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    if (node.op.kind !== 'composite' || node.op.closure !== true || !node.requiresGrad || node.inputs.length === 0) continue;
    rules ??= new Map();
    rules.set(node, recordRule(node));
  }
  return rules ?? NO_RULES;
}

function recordRule(node: Tensor): RecordedRule {
  const dy = new Tensor(placeholderLeaf, [], undefined, { shape: node.shape, dtype: node.dtype }, false, currentVersion());
  return { dy, terms: deferring(() => (node.op.gradient as GradientRule<never>)([dy], node, node.attrs as never)) };
}

/** The terms for a gradient in place of the placeholder. In eager mode everything that was recorded runs now. `again`: what stands for a tensor of the forward pass. */
export function replayed({ dy, terms }: RecordedRule, node: Tensor, gradient: Tensor, again: (tensor: Tensor) => Tensor): readonly (Tensor | undefined)[] {
  const outside = new Set([node, ...node.inputs]);
  const anew = new Map<Tensor, Tensor>([[dy, gradient]]);
  const within = (tensor: Tensor): readonly Tensor[] => (tensor.storage$ !== undefined || outside.has(tensor) || tensor.region$ !== undefined ? NO_INPUTS : tensor.inputs);
  const eager = runsEagerly();
  for (const tensor of postOrder(terms.filter((term) => term !== undefined), within)) {
    if (within(tensor).length === 0) {
      const other = again(tensor);
      if (other !== tensor) anew.set(tensor, other);
      continue;
    }
    const inputs = tensor.inputs.map((input) => anew.get(input) ?? input);
    if (!eager && inputs.every((input, i) => input === tensor.inputs[i])) continue;
    anew.set(tensor, tensor.op.kind === 'output' ? outputOf(inputs[0]!, Number(tensor.attrs!['index'])) : record(tensor.op, inputs, tensor.attrs));
  }
  return terms.map((term) => term && (anew.get(term) ?? term));
}

const NO_INPUTS: readonly Tensor[] = [];
