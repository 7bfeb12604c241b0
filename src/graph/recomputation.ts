import { recomputeOperandOp } from '../ops/recompute-operand.js';
import type { Tensor } from '../tensor.js';
import { assignedValues } from './assignments.js';
import { commonRegion, type RecomputeRegion } from './recompute-region.js';
import { outputOf, recordAgain } from './recorder.js';
import { allOutputs, postOrder } from './walk.js';

/** Nodes of one region that a backward pass computes again. */
interface Again {
  /** Nodes anew, and operands from outside behind what has them wait, by what they stand for. */
  readonly copies: Map<Tensor, Tensor>;
  /** The operands from outside. */
  readonly operands: Tensor[];
  /** The gradients of what the region gave, all of which are there before anything is computed again. */
  readonly gradients: Set<Tensor>;
}

/**
 * The nodes of regions (see recompute()) as one backward pass sees them: recorded anew, each time of what came into the region. Of a region in another one, what comes
 * into it is computed again, too. The walk back is the same with and without regions, and so is the order in which gradients add up.
 */
export class Recomputation {
  readonly #regions = new Map<RecomputeRegion, Again>();
  /** The innermost region within which a gradient has come to a tensor: outwards of it, all has come from readers behind. */
  readonly #within = new Map<Tensor, RecomputeRegion>();
  #assigned: ReadonlySet<Tensor> | undefined = undefined;

  /** Notes that `node` gives `input` a gradient. */
  flows(node: Tensor, input: Tensor): void {
    const common = input.region$ && commonRegion(input.region$, node.region$);
    const known = common && this.#within.get(input);
    if (common !== undefined && (known === undefined || known.depth < common.depth)) this.#within.set(input, common);
  }

  /** A node as its gradient rule reads it, which gets these gradients. */
  node(node: Tensor, gradients: readonly (Tensor | undefined)[]): Tensor {
    const { region$: region } = node;
    if (region === undefined || region.isOpen) return node;
    const within = allOutputs(node).map((output) => this.#within.get(output));
    for (let at: RecomputeRegion | undefined = region; at !== undefined && !at.isOpen; at = at.parent) {
      const outer = at;
      if (within.some((inner) => outer.contains(inner))) continue;
      for (const gradient of gradients) if (gradient !== undefined) this.#of(at).gradients.add(gradient);
    }
    return this.#again(region, node);
  }

  /** A tensor that is read by a gradient rule of a node of this region. */
  tensor(region: RecomputeRegion | undefined, tensor: Tensor): Tensor {
    return region?.contains(tensor.region$) === true ? this.#again(region, tensor) : tensor;
  }

  /** Makes what is computed again wait for the gradients, all of which are known now. */
  finish(): void {
    for (const { operands, gradients } of this.#regions.values()) for (const operand of operands) operand.inputs = [...operand.inputs, ...gradients];
  }

  #of(region: RecomputeRegion): Again {
    let again = this.#regions.get(region);
    if (again === undefined) this.#regions.set(region, (again = { copies: new Map(), operands: [], gradients: new Set() }));
    return again;
  }

  /** A tensor as it is seen when `region` is computed again. */
  #again(region: RecomputeRegion | undefined, tensor: Tensor): Tensor {
    if (region === undefined || region.isOpen) return tensor;
    const again = this.#of(region);
    const { copies } = again;
    // What buffers are assigned is kept until then, whatever becomes of the values that they had.
    this.#assigned ??= assignedValues();
    const isKept = (node: Tensor): boolean => node.storage$ !== undefined || this.#assigned!.has(node);
    const isInside = (node: Tensor): boolean => region.contains(node.region$) && !isKept(node);
    for (const node of postOrder([tensor], (one) => (isInside(one) && !copies.has(one) ? one.inputs : NO_INPUTS))) {
      if (copies.has(node)) continue;
      if (isInside(node)) copies.set(node, anew(node, node.inputs.map((input) => copies.get(input)!)));
      else if (region.contains(node.region$)) copies.set(node, node);
      else {
        const outside = this.#again(region.parent, node);
        const operand = recordAgain(node, recomputeOperandOp, [outside], region.version);
        copies.set(node, operand);
        again.operands.push(operand);
      }
    }
    return copies.get(tensor)!;
  }
}

function anew(node: Tensor, inputs: readonly Tensor[]): Tensor {
  return node.op.kind === 'output' ? outputOf(inputs[0]!, Number(node.attrs!['index'])) : recordAgain(node, node.op, inputs, node.recordedVersion);
}

const NO_INPUTS: readonly Tensor[] = [];
