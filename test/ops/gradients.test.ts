// The gradient rule of every op of the registry against central finite differences, all in double through the references.
import { describe, expect, test } from 'vitest';
import { sizeOf } from '../../src/shape.js';
import { gradients } from '../../src/graph/autodiff.js';
import { withoutTracking } from '../../src/graph/recorder.js';
import { mul, sum } from '../../src/ops/index.js';
import { registry } from '../../src/ops/registry.js';
import { fromArray } from '../../src/ops/leaf.js';
import { evaluate } from '../../src/runtime/oracle.js';
import type { Tensor } from '../../src/tensor.js';
import { generator, operation, title } from './operands.js';

/** The step of the differences; its square times a third derivative, and the rounding of a double over it, stay below TOLERANCE. */
const STEP = 1e-5;
const TOLERANCE = 2e-7;

const DOUBLE = { target: 'reference', dtype: 'float64' } as const;

/** Directions to differentiate in: every element alone where there are few, else a few random ones, which no wrong gradient survives. */
function directions(size: number): number[][] {
  if (size <= 5) return Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_unused, j) => Number(i === j)));
  const next = generator(size);
  return [0, 1].map(() => Array.from({ length: size }, () => next() * 2 - 1));
}

/** The slope of `loss` when `leaf` moves in `direction`. */
function slope(loss: Tensor, leaf: Tensor, direction: readonly number[]): number {
  const at = (step: number): number => {
    const moved = Array.from(leaf.data$!, (value, i) => value + step * direction[i]!);
    return evaluate(loss, { ...DOUBLE, inputs: new Map([[leaf, moved]]) })[0]!;
  };
  return (at(STEP) - at(-STEP)) / (2 * STEP);
}

/** A scalar that weighs every element of the output differently. */
function weighed(output: Tensor): Tensor {
  const next = generator(7);
  const weights = Float32Array.from({ length: sizeOf(output.shape) }, () => next() + 0.5);
  return sum(mul(output, fromArray(weights, output.shape, 'float32') as Tensor));
}

for (const op of registry) {
  const rule = op.gradient;
  if (typeof rule !== 'function') {
    test(`${op.name} has no gradient, and says why`, () => expect(Object.values(rule)[0]).toMatch(/\w+ \w+/));
    continue;
  }
  describe(op.name, () => {
    test.each(op.examples.map((example) => [title(example), example] as const))('%s', (_title, example) => {
      const { loss, leaves, analytic } = withoutTracking(() => {
        const made = operation(op, example);
        if (made.output.dtype !== 'float32') return { loss: undefined, leaves: [], analytic: [] };
        const whole = weighed(made.output);
        const floats = made.leaves.filter(({ requiresGrad }) => requiresGrad);
        return { loss: whole, leaves: floats, analytic: gradients([whole], floats) };
      }, true);
      if (loss === undefined) return;
      leaves.forEach((leaf, k) => {
        const gradient = analytic[k] === undefined ? new Float64Array(sizeOf(leaf.shape)) : evaluate(analytic[k], DOUBLE);
        expect(analytic[k]?.shape ?? leaf.shape, `shape of gradient ${k}`).toEqual(leaf.shape);
        for (const direction of directions(gradient.length)) {
          const expected = slope(loss, leaf, direction);
          const got = direction.reduce((total, part, i) => total + part * gradient[i]!, 0);
          if (Number.isNaN(expected) && Number.isNaN(got)) continue;
          const scale = Math.max(1, Math.abs(expected));
          expect(Math.abs(got - expected) / scale, `input ${k}: rule ${got}, differences ${expected}`).toBeLessThan(TOLERANCE);
        }
      });
    });
  });
}
