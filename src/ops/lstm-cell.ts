import { describeValue } from '../describe-value.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { outputOf, record } from '../graph/recorder.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { sigmoid, tanh } from './activations.js';
import { add, mul } from './arithmetic.js';
import { checkOperands, checkSameDType, checkTensor, FLOAT } from './check.js';
import { composite } from './composite.js';
import { linear } from './contraction.js';
import { example } from './examples.js';
import type { Attrs, Example } from './record.js';
import { COMPOSED } from './tolerance.js';
import { slice } from './slicing.js';

/** Inputs: x [N,I], h and c [N,H], weights [4H,I] and [4H,H], and two biases [4H] or none. Outputs: h and c. */
export const lstmCellOp = composite<Attrs, readonly [Tensor | undefined, Tensor | undefined]>({
  name: 'lstmCell',
  infer: (inputs) => {
    checkSameDType('lstmCell', inputs, FLOAT);
    const [x, h, c, weightIh, weightHh, ...biases] = inputs.map(({ shape }) => shape) as [Shape, Shape, Shape, Shape, Shape, ...Shape[]];
    const [N, H] = [x[0]!, h[1]!];
    const fits =
      x.length === 2 && sameShape(h, [N, H]) && sameShape(c, h) && sameShape(weightIh, [4 * H, x[1]!]) && sameShape(weightHh, [4 * H, H]) && biases.every((bias) => sameShape(bias, [4 * H]));
    if (!fits) {
      const names = ['x', 'h', 'c', 'weightIh', 'weightHh', 'biasIh', 'biasHh'];
      const got = inputs.map(({ shape }, i) => `${names[i]} ${showShape(shape)}`).join(', ');
      throw new ShapeError(`[lstmCell] the shapes do not fit: got ${got}, expected x [N,I], h and c [N,H], weightIh [4H,I], weightHh [4H,H] and biases [4H].`, {
        op: 'lstmCell',
        shapes: inputs.map(({ shape }) => shape),
      });
    }
    return { shape: [N, H], dtype: 'float32', more: [{ shape: [N, H], dtype: 'float32' }] };
  },
  decompose: ([x, h, c, weightIh, weightHh, biasIh, biasHh]) => {
    const gates: Tensor = add(linear(x!, weightIh as never, biasIh), linear(h!, weightHh as never, biasHh) as never);
    const H = h!.shape[1]!;
    const gate = (i: number): Tensor => slice(gates, i * H, (i + 1) * H, { axis: 1 });
    const [input, forget, candidate, output] = [sigmoid(gate(0)), sigmoid(gate(1)), tanh(gate(2)), sigmoid(gate(3))];
    const cell: Tensor = add(mul(forget, c! as never), mul(input, candidate as never) as never);
    return [mul(output, tanh(cell) as never), cell];
  },
  saves: { inputs: [0, 1, 2, 3, 4], outputs: [0] },
  tolerance: COMPOSED,
  examples: () => cellExamples(),
});

function cellExamples(): Example[] {
  const sizes: readonly [N: number, I: number, H: number][] = [[1, 1, 1], [3, 5, 4], [2, 7, 8], [0, 3, 2]];
  return sizes.flatMap(([N, I, H]) =>
    [true, false].map((bias) => example([[N, I], [N, H], [N, H], [4 * H, I], [4 * H, H], ...(bias ? [[4 * H], [4 * H]] : [])].map((shape) => ({ shape })))),
  );
}

/**
 * One step of a long short-term memory: i, f, o = sigmoid, g = tanh of the four parts of x Wih^T + bih + h Whh^T + bhh in the order i, f, g, o;
 * c' = f c + i g, h' = o tanh(c'). x [N, I], h and c [N, H], weightIh [4H, I], weightHh [4H, H], biases [4H], both or none; float32. Returns
 * h and c, [N, H]. As torch.nn.LSTMCell. Source: Hochreiter and Schmidhuber, Neural Computation 9 (1997). Throws ShapeError, DTypeError.
 *
 *     const { h, c } = lstmCell(x, { h: h0, c: c0 }, { weightIh, weightHh });
 */
export function lstmCell(x: Tensor, state: LstmState, weights: LstmWeights): LstmState {
  checkTensor('lstmCell', x, 'x');
  checkRecord('the state', state, '{ h, c }');
  checkRecord('the weights', weights, '{ weightIh, weightHh }');
  const { weightIh, weightHh, biasIh, biasHh } = weights;
  const inputs = [x, state.h, state.c, weightIh, weightHh, ...(biasIh === undefined && biasHh === undefined ? [] : [biasIh, biasHh])] as Tensor[];
  checkOperands('lstmCell', inputs);
  const node = record(lstmCellOp, inputs);
  return { h: node, c: outputOf(node, 1) };
}

function checkRecord(what: string, given: unknown, expected: string): void {
  if (typeof given !== 'object' || given === null) throw new ArgumentError(`[lstmCell] ${what}: got ${describeValue(given)}, expected ${expected}.`, { op: 'lstmCell' });
}

/** State of a cell from step to step: its output h and its memory c, [N, H]. */
export interface LstmState {
  readonly h: Tensor;
  readonly c: Tensor;
}

/** Weights of a cell with H units and I inputs, as torch names them. */
export interface LstmWeights {
  /** [4H, I]. */
  readonly weightIh: Tensor;
  /** [4H, H]. */
  readonly weightHh: Tensor;
  /** [4H]. */
  readonly biasIh?: Tensor | undefined;
  readonly biasHh?: Tensor | undefined;
}

export const lstmCellOps = { lstmCell: lstmCellOp };
