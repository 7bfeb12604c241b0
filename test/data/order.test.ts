import 'anneal';
import { describe, expect, it } from 'vitest';
import { shuffledOrder, splitOrder } from '../../src/data/order.js';

describe('the order of an epoch', () => {
  it('is fixed by the seed and the epoch, on every platform', () => {
    expect([...shuffledOrder(10, 1, 0)]).toEqual([7, 6, 2, 5, 0, 1, 8, 9, 3, 4]);
    expect([...shuffledOrder(10, 1, 1)]).toEqual([0, 5, 1, 2, 4, 3, 7, 8, 6, 9]);
    expect([...shuffledOrder(10, 2 ** 40 + 1, 0)]).toEqual([2, 7, 9, 8, 1, 5, 6, 3, 4, 0]);
    expect([...splitOrder(10, 1)]).toEqual([3, 7, 2, 0, 6, 8, 1, 5, 9, 4]);
  });

  it.each([0, 1, 2, 3, 1000])('visits each of %i examples once', (size) => {
    expect([...shuffledOrder(size, 7, 3)].sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
  });

  it('puts every example everywhere equally often', () => {
    const size = 5;
    const epochs = 20_000;
    const counts = new Float64Array(size * size);
    for (let epoch = 0; epoch < epochs; epoch++) shuffledOrder(size, 3, epoch).forEach((row, place) => counts[row * size + place]!++);
    const expected = epochs / size;
    let chi = 0;
    for (const count of counts) chi += (count - expected) ** 2 / expected;
    expect(chi).toBeLessThan(39.3); // 16 degrees of freedom, p = 0.001
  });
});
