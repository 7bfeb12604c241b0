// Scaled dot-product attention: what it says to wrong operands, and the traps that masks have.
import { describe, expect, test } from 'vitest';
import { AnnealError, grad, IndexError, random, scaledDotProductAttention, seed, tensor, zeros, type AttentionOptions, type Tensor } from 'anneal';
import type { Shape } from '../../src/shape.js';
import { sizeOf } from '../../src/shape.js';
import { generator } from './operands.js';

function drawn(shape: Shape, from: number): Tensor {
  const next = generator(from);
  return tensor(Float32Array.from({ length: sizeOf(shape) }, () => next() * 2 - 1), { shape });
}

const of = (...shape: number[]): Tensor => zeros(shape);
const whole = (...shape: number[]): Tensor => zeros(shape, { dtype: 'int32' }) as Tensor;
const attend = (q: Tensor, k: Tensor, v: Tensor, options?: AttentionOptions): Tensor => scaledDotProductAttention(q, k, v, options);
const valid = of(2, 4, 7, 8);
const self = (options: object): Tensor => attend(valid, valid, valid, options);

const many = of(2 ** 22, 1);

const expected = 'expected query [..,H,T,D], key [..,H,S,D] and value [..,H,S,E].';
const errors: readonly (readonly [string, () => unknown, string, string])[] = [
  ['one dimension', () => attend(of(3), of(3), of(3)), 'ANNEAL_SHAPE_MISMATCH', `[scaledDotProductAttention] the shapes do not fit: got query [3], key [3], value [3], ${expected} Give them a dimension of positions.`],
  ['dimensions that differ', () => attend(of(2, 3), of(1, 2, 3), of(1, 2, 3)), 'ANNEAL_SHAPE_MISMATCH', `[scaledDotProductAttention] the shapes do not fit: got query [2,3], key [1,2,3], value [1,2,3], ${expected} Give all of them the same dimensions.`],
  ['features', () => attend(valid, of(2, 4, 7, 6), valid), 'ANNEAL_SHAPE_MISMATCH', `[scaledDotProductAttention] the shapes do not fit: got query [2,4,7,8], key [2,4,7,6], value [2,4,7,8], ${expected} Give query and key the same features: 8 are not 6.`],
  ['values without keys', () => attend(valid, valid, of(2, 4, 6, 8)), 'ANNEAL_SHAPE_MISMATCH', `[scaledDotProductAttention] the shapes do not fit: got query [2,4,7,8], key [2,4,7,8], value [2,4,6,8], ${expected} Give each key a value.`],
  ['batches', () => attend(valid, of(3, 4, 7, 8), of(3, 4, 7, 8)), 'ANNEAL_SHAPE_MISMATCH', `[scaledDotProductAttention] the shapes do not fit: got query [2,4,7,8], key [3,4,7,8], value [3,4,7,8], ${expected} Give all of them the same batch.`],
  ['heads of key and value', () => attend(valid, of(2, 2, 7, 8), valid, { enableGqa: true }), 'ANNEAL_SHAPE_MISMATCH', `[scaledDotProductAttention] the shapes do not fit: got query [2,4,7,8], key [2,2,7,8], value [2,4,7,8], ${expected} Give key and value the same heads.`],
  ['grouped heads, unasked', () => attend(valid, of(2, 2, 7, 8), of(2, 2, 7, 8)), 'ANNEAL_SHAPE_MISMATCH', `[scaledDotProductAttention] the shapes do not fit: got query [2,4,7,8], key [2,2,7,8], value [2,2,7,8], ${expected} Heads that share keys are asked for: { enableGqa: true }.`],
  ['heads that do not divide', () => attend(valid, of(2, 3, 7, 8), of(2, 3, 7, 8), { enableGqa: true }), 'ANNEAL_SHAPE_MISMATCH', `[scaledDotProductAttention] the shapes do not fit: got query [2,4,7,8], key [2,3,7,8], value [2,3,7,8], ${expected} Make the heads of query a multiple of those of key: 4 is none of 3.`],
  ['whole numbers', () => attend(whole(2, 3), whole(2, 3), whole(2, 3)), 'ANNEAL_DTYPE_MISMATCH', "[scaledDotProductAttention] query has the wrong dtype: got int32 [2,3], expected float32. Cast it: .cast('float32')."],
  ['no tensor', () => attend(valid, [1] as never, valid), 'ANNEAL_INVALID_ARGUMENT', '[scaledDotProductAttention] key is no tensor: got an Array, expected a tensor. Make one: tensor(values).'],
  ['a mask of whole numbers', () => self({ mask: whole(7, 7) }), 'ANNEAL_DTYPE_MISMATCH', '[scaledDotProductAttention] mask has the wrong dtype: got int32 [7,7], expected bool (true: look) or float32 (added). Compare it: mask.notEqual(0).'],
  ['a mask that does not fit', () => self({ mask: of(7, 6) }), 'ANNEAL_SHAPE_MISMATCH', '[scaledDotProductAttention] mask does not fit: got [7,6], expected a shape that broadcasts to [2,4,7,7]. Reshape it.'],
  ['a mask with more dimensions', () => self({ mask: of(3, 2, 4, 7, 7) }), 'ANNEAL_SHAPE_MISMATCH', '[scaledDotProductAttention] mask does not fit: got [3,2,4,7,7], expected a shape that broadcasts to [2,4,7,7]. Reshape it.'],
  ['a mask of keys', () => self({ mask: of(2, 7) }), 'ANNEAL_SHAPE_MISMATCH', '[scaledDotProductAttention] mask does not fit: got [2,7], expected a shape that broadcasts to [2,4,7,7]. A mask of keys is mask.reshape([2,1,1,7]).'],
  ['lengths of floats', () => self({ keyLengths: of(2) }), 'ANNEAL_DTYPE_MISMATCH', "[scaledDotProductAttention] keyLengths has the wrong dtype: got float32 [2], expected int32. Cast it: .cast('int32')."],
  ['lengths that do not fit', () => self({ keyLengths: whole(2, 4) }), 'ANNEAL_SHAPE_MISMATCH', '[scaledDotProductAttention] keyLengths do not fit: got [2,4], expected [2], one for each example.'],
  ['dropout', () => self({ dropout: 20 }), 'ANNEAL_INVALID_ARGUMENT', '[scaledDotProductAttention] dropout: got 20, expected a probability in [0, 1]. Write 20 % as 0.2.'],
  ['a key of another size', () => self({ dropout: 0.2, dropoutKey: whole(4) }), 'ANNEAL_SHAPE_MISMATCH', "[scaledDotProductAttention] dropoutKey does not fit: got [4], expected [5]. Take random.key('dropout')."],
  ['too many weights to draw', () => attend(many, many, many, { dropout: 0.1 }), 'ANNEAL_LIMIT', '[scaledDotProductAttention] too many weights for dropout: got 17592186044416 of query [4194304,1] and key [4194304,1], expected at most 17179869184. Work in parts of the batch.'],
  ['scale', () => self({ scale: Number.NaN }), 'ANNEAL_INVALID_ARGUMENT', '[scaledDotProductAttention] scale: got NaN, expected a finite number. Leave it out for 1 / sqrt(D).'],
  ['a flag', () => self({ isCausal: 1 }), 'ANNEAL_INVALID_ARGUMENT', '[scaledDotProductAttention] isCausal: got 1, expected true or false.'],
  ["torch's name of an option", () => self({ attn_mask: of(7, 7) }), 'ANNEAL_UNKNOWN_OPTION', '[scaledDotProductAttention] unknown option: got attn_mask, expected one of mask, isCausal, keyLengths, dropout, dropoutKey, scale, enableGqa. Did you mean mask?'],
];

describe('errors', () => {
  test.each(errors)('%s', (_, run, code, message) => {
    let thrown: unknown;
    try {
      run();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(AnnealError);
    expect(thrown).toMatchObject({ code, message });
  });

  test.each([-1, 8])('a length of %d', async (length) => {
    const keyLengths = tensor(Int32Array.of(7, length)) as Tensor;
    const run = async (): Promise<unknown> => self({ keyLengths }).data();
    await expect(run()).rejects.toThrow(IndexError);
    await expect(run()).rejects.toThrow(`got ${length}, expected an integer in [0, 8)`);
  });
});

describe('traps', () => {
  const [q, k, v] = [1, 2, 3].map((from) => drawn([2, 2, 9, 4], from)) as [Tensor, Tensor, Tensor];

  test('causal, the diagonal is looked at, and what is behind it is not', async () => {
    const first = attend(q, k, v, { isCausal: true }).slice(0, 1, { axis: 2 }) as Tensor;
    expect(await first.data()).toEqual(await (v.slice(0, 1, { axis: 2 }) as Tensor).data());
    const changed = v.add(tensor(Float32Array.from({ length: 9 }, (_, s) => Number(s === 5)), { shape: [9, 1] })) as Tensor;
    const [before, after] = await Promise.all([v, changed].map(async (values) => (await attend(q, k, values, { isCausal: true }).data()) as Float32Array));
    const rows = Array.from({ length: 36 }, (_, row) => before!.subarray(4 * row, 4 * row + 4).join() !== after!.subarray(4 * row, 4 * row + 4).join());
    expect(rows).toEqual(Array.from({ length: 36 }, (_, row) => row % 9 >= 5));
  });

  test('true in a mask means to look, and a number is added', async () => {
    const allowed = Array.from({ length: 9 }, (_, s) => s % 3 === 1);
    const truths = attend(q, k, v, { mask: tensor(allowed) as Tensor });
    const numbers = attend(q, k, v, { mask: tensor(allowed.map((look) => (look ? 0 : -Infinity))) });
    expect(await truths.data()).toEqual(await numbers.data());
  });

  test('a row of which a mask of -1e9 leaves nothing looks at all keys alike, in its gradient, too', async () => {
    const operand = (): Tensor => tensor(Float32Array.from({ length: 8 }, (_, i) => Math.sin(i)), { shape: [2, 4], requiresGrad: true });
    const [q, k, v] = [operand(), operand(), operand()];
    const mask = tensor([[-1e9, -1e9], [-1e9, -1e9]], { requiresGrad: true });
    const [dv, dmask] = grad(attend(q, k, v, { mask }).sum(), [v, mask]);
    expect([...(await dv.data())]).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    const sums = [0, 1, 2, 3].map((e) => Math.sin(e) - Math.sin(4 + e)).reduce((a, b) => a + b, 0);
    (await dmask.data()).forEach((slope, i) => expect(slope).toBeCloseTo(((i % 2 === 0 ? 1 : -1) * sums) / 4, 5));
  });

  test('dropout draws another mask for each head, example and call, and the same one for the same key', async () => {
    seed(5);
    const same = (x: Tensor): Tensor => x.slice(0, 1).slice(0, 1, { axis: 1 }).expand([2, 2, 9, 4]) as Tensor;
    const options = { dropout: 0.5 };
    const alike = [q, k, v].map(same) as [Tensor, Tensor, Tensor];
    const y = (await attend(...alike, options).data()) as Float32Array;
    const heads = [0, 1, 2, 3].map((head) => y.slice(36 * head, 36 * head + 36).join());
    expect(new Set(heads).size).toBe(4);
    expect((await attend(...alike, options).data()) as Float32Array).not.toEqual(y);
    seed(5);
    expect(await attend(...alike, options).data()).toEqual(y);
    const dropoutKey = random.key('mine');
    expect(await attend(...alike, { ...options, dropoutKey }).data()).toEqual(await attend(...alike, { ...options, dropoutKey }).data());
    expect(((await attend(...alike, { dropout: 1 }).data()) as Float32Array).every((value) => value === 0)).toBe(true);
  });
});
