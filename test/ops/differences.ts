import { expect } from 'vitest';
import { fromArray } from '../../src/ops/leaf.js';
import { add, mul, sum } from '../../src/ops/index.js';
import { evaluate } from '../../src/runtime/oracle.js';
import { sizeOf } from '../../src/shape.js';
import type { Tensor } from '../../src/tensor.js';
import { generator } from './operands.js';

/** The step of the differences; its square times a third derivative, and the rounding of a double over it, stay below TOLERANCE. */
const STEP = 1e-5;
const TOLERANCE = 2e-7;

const DOUBLE = { target: 'reference', dtype: 'float64' } as const;

/** Directions to differentiate in: every element alone where there are few, else a few random ones, which no wrong gradient survives. */
export function directions(size: number): number[][] {
  if (size <= 5) return Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_unused, j) => Number(i === j)));
  const next = generator(size);
  return [0, 1].map(() => Array.from({ length: size }, () => next() * 2 - 1));
}

/** The slope of `loss` when `leaf` moves in `direction`. */
export function slope(loss: Tensor, leaf: Tensor, direction: readonly number[]): number {
  const at = (step: number): number => {
    const moved = Array.from(leaf.data$!, (value, i) => value + step * direction[i]!);
    return evaluate(loss, { ...DOUBLE, inputs: new Map([[leaf, moved]]) })[0]!;
  };
  return (at(STEP) - at(-STEP)) / (2 * STEP);
}

/** A scalar that weighs every element of all outputs that gradients flow into differently. */
export function weighed(node: Tensor): Tensor {
  const outputs = [node, ...(node.outputs$ ?? []).filter((output, i) => output.dtype === 'float32' && node.more[i]!.auxiliary !== true)];
  return outputs.map((output, i) => weighedOutput(output, 7 + i)).reduce((total, one) => add(total, one) as Tensor);
}

function weighedOutput(output: Tensor, seed: number): Tensor {
  const next = generator(seed);
  const weights = Float32Array.from({ length: sizeOf(output.shape) }, () => next() + 0.5);
  return sum(mul(output, fromArray(weights, output.shape, 'float32') as Tensor));
}

/** Compares the gradient of `loss` with respect to `leaf`, as nodes, with differences in some directions. */
export function expectSlopes(loss: Tensor, leaf: Tensor, analytic: Tensor | undefined, name: string): void {
  const gradient = analytic === undefined ? new Float64Array(sizeOf(leaf.shape)) : evaluate(analytic, DOUBLE);
  expect(analytic?.shape ?? leaf.shape, `shape of gradient ${name}`).toEqual(leaf.shape);
  for (const direction of directions(gradient.length)) {
    const expected = slope(loss, leaf, direction);
    const got = direction.reduce((total, part, i) => total + part * gradient[i]!, 0);
    if (Number.isNaN(expected) && Number.isNaN(got)) continue;
    const scale = Math.max(1, Math.abs(expected));
    expect(Math.abs(got - expected) / scale, `input ${name}: rule ${got}, differences ${expected}`).toBeLessThan(TOLERANCE);
  }
}
