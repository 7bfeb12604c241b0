// The gradient rule of every op of the registry against central finite differences, all in double through the references, and that of its gradient.
import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/graph/autodiff.js';
import { withoutTracking } from '../../src/graph/recorder.js';
import { add } from '../../src/ops/index.js';
import { everyOp } from '../../src/ops/registry.js';
import type { Tensor } from '../../src/tensor.js';
import { expectSlopes, weighed } from './differences.js';
import { operation, title } from './operands.js';

for (const op of everyOp) {
  const rule = op.gradient;
  if (typeof rule !== 'function') {
    test(`${op.name} has no gradient, and says why`, () => expect(Object.values(rule)[0]).toMatch(/\w+ \w+/));
    continue;
  }
  describe(op.name, () => {
    test.each(op.examples().map((example) => [title(example), example] as const))('%s', (_title, example) => {
      const { loss, leaves, analytic } = withoutTracking(() => {
        const made = operation(op, example);
        if (made.output.dtype !== 'float32') return { loss: undefined, leaves: [], analytic: [] };
        const whole = weighed(made.output);
        const floats = made.leaves.filter(({ requiresGrad }) => requiresGrad);
        return { loss: whole, leaves: floats, analytic: gradients([whole], floats) };
      }, true);
      if (loss === undefined) return;
      leaves.forEach((leaf, k) => expectSlopes(loss, leaf, analytic[k], String(k)));
    });

    // The few that make a gradient's gradient differ: one of each rank, not empty.
    const ranks = new Map(op.examples().filter(({ inputs }) => inputs.every(({ shape }) => !shape.includes(0))).map((example) => [example.inputs[0]?.shape.length, example]));
    test.each([...ranks.values()].map((example) => [title(example), example] as const))('differentiated twice: %s', (_title, example) => {
      const made = withoutTracking(() => {
        const { output, leaves } = operation(op, example);
        const floats = leaves.filter(({ requiresGrad }) => requiresGrad);
        if (output.dtype !== 'float32') return { floats: [], slopes: undefined, analytic: [] };
        const firsts = gradients([weighed(output)], floats, undefined, true).filter((first) => first?.requiresGrad === true) as Tensor[];
        const slopes = firsts.map(weighed).reduce<Tensor | undefined>((sum, one) => (sum === undefined ? one : (add(sum, one) as Tensor)), undefined);
        const refuses = op.name === 'ctc';
        return { floats, slopes, analytic: slopes === undefined || refuses ? [] : gradients([slopes], floats) };
      }, true);
      if (op.name === 'ctc') expect(() => gradients([made.slopes!], made.floats)).toThrow(/not differentiated further/);
      else if (made.slopes !== undefined) made.floats.forEach((leaf, k) => expectSlopes(made.slopes!, leaf, made.analytic[k], String(k)));
    });
  });
}
