// Every op of the registry on every target of this machine against its reference, within the tolerance in its record.
import { describe, expect, test } from 'vitest';
import { outputOf, withoutTracking } from '../../src/graph/recorder.js';
import { everyOp } from '../../src/ops/registry.js';
import type { Tolerance } from '../../src/ops/record.js';
import { loadNative } from '../../src/runtime/binding.js';
import { evaluate } from '../../src/runtime/oracle.js';
import type { Tensor } from '../../src/tensor.js';
import { operation, title } from './operands.js';

const targets = loadNative().addon.info().targets.filter((target) => target !== 'reference');

function expectClose(what: string, got: ArrayLike<number>, expected: ArrayLike<number>, { absolute, relative }: Tolerance): void {
  expect(got.length, what).toBe(expected.length);
  for (let i = 0; i < got.length; i++) {
    const [a, b] = [got[i]!, expected[i]!];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    if (!(Math.abs(a - b) <= absolute + relative * Math.abs(b))) expect.fail(`${what}: element ${i} is ${a}, the reference has ${b}`);
  }
}

function compare(tensor: Tensor, tolerance: Tolerance): void {
  const expected = evaluate(tensor, { target: 'reference' });
  for (const target of targets) expectClose(target, evaluate(tensor, { target }), expected, tolerance);
  expect(evaluate(tensor, { fuse: true }), 'fused').toEqual(evaluate(tensor, { fuse: false }));
}

// Leaves and outputs are no operations. Effects write to native memory, which the oracle has none of: see effects.test.ts and updates.test.ts.
const operations = everyOp.filter(({ kind }) => kind !== 'leaf' && kind !== 'output');
for (const op of operations.filter(({ kind }) => kind !== 'effect')) {
  describe(op.name, () => {
    test.each(op.examples().map((example) => [title(example), example] as const))('%s', (_title, example) => {
      // Composed, so that no step waits for it: the oracle runs the graph itself.
      const { output } = withoutTracking(() => operation(op, example));
      compare(output, op.tolerance);
      for (let i = 1; i <= output.more.length; i++) compare(outputOf(output, i), op.tolerance);
    });
  });
}

test('every op has examples', () => {
  expect(operations.filter(({ examples }) => examples().length === 0)).toEqual([]);
});
