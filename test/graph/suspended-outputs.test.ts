import { add, nn, Parameter, sum, type Tensor } from 'anneal';
import { expect, test, vi } from 'vitest';
import { resume, suspend } from '../../src/graph/suspended-outputs.js';

test('what waits for many leaves is looked at once when they change, not once for each', () => {
  const leaves = Array.from({ length: 100 }, () => new Parameter([2], nn.init.zeros()) as Tensor);
  const all = leaves.map((leaf) => sum(leaf) as Tensor).reduce((a, b) => add(a, b as never) as Tensor);
  const waiting = Array.from({ length: 50 }, (_, i) => all.mul(i) as Tensor);
  suspend(waiting);
  const looked = vi.spyOn(WeakRef.prototype, 'deref');
  try {
    expect(resume(leaves)).toEqual(waiting);
    expect(looked).toHaveBeenCalledTimes(waiting.length);
  } finally {
    looked.mockRestore();
  }
});
