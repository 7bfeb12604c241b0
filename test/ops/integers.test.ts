// One rule for whole numbers: op by op int32 wraps around as torch's does; sums are exact, and an error where int32 does not hold them;
// numbers that a dtype does not hold are refused.
import { describe, expect, test } from 'vitest';
import * as anneal from 'anneal';
import { arange, full, scatterAdd, tensor, where } from 'anneal';

const ints = (...values: number[]) => tensor(values, { dtype: 'int32' });
const TOP = 2 ** 31 - 1;
/** In eager mode an op fails at its call, in planned mode what waits for it. */
const later = async (read: () => Promise<unknown>): Promise<unknown> => read();
const overflow = { code: 'ANNEAL_OVERFLOW' };

describe('sums of whole numbers are exact or an error, never wrapped', () => {
  test('of bytes: 9,000,000 of 255', async () => {
    const bytes = tensor(new Uint8Array(9_000_000).fill(255));
    await expect(later(() => bytes.sum().item())).rejects.toMatchObject(overflow);
    await expect(later(() => bytes.sum().item())).rejects.toThrow(
      "[sum] a sum of whole numbers does not fit int32: got 2295000000 at position 0, expected a number from -2147483648 to 2147483647. Add floats: .cast('float32').",
    );
    expect(await bytes.slice(0, 8_000_000).sum().item()).toBe(2_040_000_000);
  });

  test('of int32, along any axis', async () => {
    await expect(later(() => ints(TOP, 1).sum().item())).rejects.toMatchObject(overflow);
    await expect(later(() => ints(-TOP, -2).sum().item())).rejects.toMatchObject(overflow);
    const rows = tensor([[1, TOP], [1, TOP], [1, TOP]], { dtype: 'int32' });
    await expect(later(() => rows.sum({ axis: 0 }).data())).rejects.toThrow('got 6442450941 at position 1');
    await expect(later(() => rows.sum({ axis: 1 }).data())).rejects.toThrow('got 2147483648 at position 0');
  });

  test('that leave int32 on their way and come back are right', async () => {
    expect(await ints(TOP, TOP, 5, -TOP, -TOP).sum().item()).toBe(5);
    const column = tensor(Int32Array.from({ length: 4000 }, (_, i) => (i < 2000 ? TOP : -TOP)), { shape: [2000, 2] });
    expect([...(await column.sum({ axis: 0 }).data())]).toEqual([0, 0]);
  });

  test('counts of int32 are exact where those of float32 stop', async () => {
    const ones = anneal.ones([2 ** 24 + 5], { dtype: 'int32' });
    const everyone = anneal.zeros([2 ** 24 + 5], { dtype: 'int32' });
    expect([...(await scatterAdd(ones, everyone, 1).data())]).toEqual([2 ** 24 + 5]);
    expect(await ones.sum().item()).toBe(2 ** 24 + 5);
    expect(await ones.equal(1).sum().item()).toBe(2 ** 24 + 5);
  });

  test('of scatterAdd, too', async () => {
    await expect(later(() => scatterAdd(ints(TOP, 1, 1), ints(0, 1, 0), 2).data())).rejects.toThrow('[scatterAdd] a sum of whole numbers does not fit int32: got 2147483648 at position 2');
    expect([...(await scatterAdd(ints(TOP, -1, 1), ints(0, 0, 0), 2).data())]).toEqual([TOP, 0]);
  });

  test('a run that failed leaves the session usable', async () => {
    await expect(later(() => ints(TOP, 1).sum().item())).rejects.toMatchObject(overflow);
    expect(await ints(TOP, -1).sum().item()).toBe(TOP - 1);
  });
});

describe('element by element int32 wraps around, as in torch', () => {
  test('sums, products, magnitudes', async () => {
    const x = ints(TOP, -TOP - 1);
    expect([...(await x.add(1).data())]).toEqual([-TOP - 1, -TOP]);
    expect([...(await x.sub(1).data())]).toEqual([TOP - 1, TOP]);
    expect([...(await x.mul(2).data())]).toEqual([-2, 0]);
    expect([...(await x.neg().data())]).toEqual([-TOP, -TOP - 1]);
    expect([...(await x.abs().data())]).toEqual([TOP, -TOP - 1]);
  });

  test('casts of floats truncate and saturate, and NaN is 0', async () => {
    const far = tensor([NaN, Infinity, -Infinity, 3e9, -3e9, 2.9, -2.9]);
    expect([...(await far.cast('int32').data())]).toEqual([0, TOP, -TOP - 1, TOP, -TOP - 1, 2, -2]);
    expect([...(await far.cast('uint8').data())]).toEqual([0, 255, 0, 255, 0, 2, 0]);
  });
});

describe('a number that the dtype does not hold is refused where it is given', () => {
  const refused: [string, () => unknown, string][] = [
    ['tensor', () => tensor([3e9], { dtype: 'int32' }), '[tensor] a value does not fit int32: got 3000000000 at element 0, expected a whole number from -2147483648 to 2147483647. Round it, or use float32.'],
    ['full of too much', () => full([1], 3e9, { dtype: 'int32' }), '[full] the value does not fit int32: got 3000000000, expected a whole number from -2147483648 to 2147483647. Round it, or use float32.'],
    ['full of a fraction', () => full([1], 1.5, { dtype: 'int32' }), '[full] the value does not fit int32: got 1.5, expected a whole number from -2147483648 to 2147483647. Round it, or use float32.'],
    ['full of bytes', () => full([1], 256, { dtype: 'uint8' }), '[full] the value does not fit uint8: got 256, expected a whole number from 0 to 255. Round it, or use float32.'],
    ['full of NaN', () => full([1], NaN, { dtype: 'int32' }), '[full] the value does not fit int32: got NaN, expected a whole number from -2147483648 to 2147483647. Round it, or use float32.'],
    ['arange', () => arange(3e9, 3e9 + 1), "[arange] a number does not fit int32: got 3000000000, expected a whole number from -2147483648 to 2147483647. Use { dtype: 'float32' }."],
    ['arange at its end', () => arange(TOP - 1, TOP + 2), "[arange] a number does not fit int32: got 2147483648, expected a whole number from -2147483648 to 2147483647. Use { dtype: 'float32' }."],
    ['operands', () => ints(1).add(3e9), "[add] operands differ in dtype: got the number 3000000000 beside int32, expected one that int32 holds. Cast the tensor: .cast('float32')."],
    ['comparisons', () => ints(1).less(3e9), "[less] operands differ in dtype: got the number 3000000000 beside int32, expected one that int32 holds. Cast the tensor: .cast('float32')."],
    ['bounds', () => ints(1).clamp(0, 3e9), "[clamp] operands differ in dtype: got the number 3000000000 beside int32, expected one that int32 holds. Cast the tensor: .cast('float32')."],
    ['branches', () => where(ints(1).equal(1), ints(1), -3e9), "[where] operands differ in dtype: got the number -3000000000 beside int32, expected one that int32 holds. Cast the tensor: .cast('float32')."],
  ];
  test.each(refused)('%s', (_what, make, message) => {
    let error: unknown;
    try {
      make();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(anneal.AnnealError);
    expect((error as Error).message).toBe(message);
  });

  test('what it holds is taken, the ends too', async () => {
    expect([...(await arange(TOP - 1, TOP + 1).data())]).toEqual([TOP - 1, TOP]);
    expect([...(await full([1], -TOP - 1, { dtype: 'int32' }).data())]).toEqual([-TOP - 1]);
    expect([...(await full([2], 0.5, { dtype: 'bool' }).data())]).toEqual([1, 1]);
    expect([...(await full([1], NaN, { dtype: 'bool' }).data())]).toEqual([1]);
  });

  test('a float that is infinite as float32 is not finite', () => {
    expect(() => tensor([1e39], { check: 'finite' })).toThrow('[tensor] a value is not finite: got 1e+39 at element 0');
  });
});
