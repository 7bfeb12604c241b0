import { describe, expect, it } from 'vitest';
import { shuffledOrder, splitOrder } from '../../src/data/order.js';
import { multiplyHigh, philox } from '../../src/data/philox.js';

function block(counter: [number, number, number, number], key: [number, number]): string[] {
  const out = new Uint32Array(4);
  philox(counter, key, out);
  return [...out].map((word) => word.toString(16).padStart(8, '0'));
}

describe('philox', () => {
  // kat_vectors of Random123, philox4x32 with 10 rounds.
  it('gives the known answers', () => {
    expect(block([0, 0, 0, 0], [0, 0])).toEqual(['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']);
    const ones = 0xffffffff;
    expect(block([ones, ones, ones, ones], [ones, ones])).toEqual(['408f276d', '41c83b0e', 'a20bc7c6', '6d5451fd']);
    expect(block([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toEqual(['d16cfe09', '94fdcceb', '5001e420', '24126ea1']);
  });

  it('multiplies to 64 bits exactly', () => {
    const numbers = [0, 1, 2, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xd2511f53, 0xfffffffe, 0xffffffff];
    for (const a of numbers) for (const b of numbers) expect(multiplyHigh(a, b)).toBe(Number((BigInt(a) * BigInt(b)) >> 32n));
  });
});

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
