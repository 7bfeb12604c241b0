// split() and chunk(): views of one tensor, whose gradients, as those of any slices that share no element, are written side by side instead of added up.
import { chunk, grad, mul, slice, split, tensor, type Tensor } from 'anneal';
import { describe, expect, test } from 'vitest';

const upTo = (shape: readonly number[], requiresGrad = false): Tensor => tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1), { shape, requiresGrad }) as Tensor;
const shapes = (parts: readonly Tensor[]): unknown => parts.map(({ shape }) => shape);

/** The gradient of sum(factors[i] * parts[i]) with respect to x: the factors in the places of the parts. */
function gradientOf(x: Tensor, parts: readonly Tensor[], factors = parts.map((part, i) => mul(upTo(part.shape), 10 ** i) as Tensor)): Tensor {
  const loss = parts.map((part, i) => mul(part, factors[i]! as never).sum() as Tensor).reduce((a, b) => a.add(b as never) as Tensor);
  return grad(loss, [x])[0]!;
}

describe('split', () => {
  test('gives parts of the sizes, and of one size as many as there are', async () => {
    const x = upTo([2, 5]);
    const [a, b] = split(x, [2, 3], 1);
    expect([await a!.data(), await b!.data()].map((part) => [...part])).toEqual([[1, 2, 6, 7], [3, 4, 5, 8, 9, 10]]);
    expect(shapes(split(x, 2, -1))).toEqual([[2, 2], [2, 2], [2, 1]]);
    expect(shapes(x.split(1))).toEqual([[1, 5], [1, 5]]);
    expect(shapes(split(x, [0, 5], 1))).toEqual([[2, 0], [2, 5]]);
    expect(shapes(split(upTo([0, 3]), 2))).toEqual([[0, 3]]);
  });
});

test('chunk gives as many parts, or fewer where all but the last have the same size', () => {
  expect(shapes(chunk(upTo([10, 2]), 4))).toEqual([[3, 2], [3, 2], [3, 2], [1, 2]]);
  expect(shapes(upTo([5]).chunk(4))).toEqual([[2], [2], [1]]);
  expect(shapes(chunk(upTo([2, 6]), 2, -1))).toEqual([[2, 3], [2, 3]]);
  expect(shapes(chunk(upTo([0]), 3))).toEqual([[0]]);
});

describe('the gradient of slices', () => {
  test('of all of a tensor is theirs side by side', async () => {
    const x = upTo([2, 6], true);
    const dx = gradientOf(x, split(x, [1, 3, 2], 1));
    expect([...(await dx.data())]).toEqual([1, 10, 20, 30, 100, 200, 2, 40, 50, 60, 300, 400]);
  });

  test('of some of it has zeros between', async () => {
    const x = upTo([7], true);
    const dx = gradientOf(x, [slice(x, 5), slice(x, 1, 3)] as Tensor[]);
    expect([...(await dx.data())]).toEqual([0, 10, 20, 0, 0, 1, 2]);
  });

  test('in each other by steps, and of others that meet', async () => {
    const x = upTo([6], true);
    const every = gradientOf(x, [slice(x, 1, 6, { step: 2 }), slice(x, 0, 6, { step: 2 })] as Tensor[]);
    expect([...(await every.data())]).toEqual([10, 1, 20, 2, 30, 3]);
    const y = upTo([6], true);
    const meeting = gradientOf(y, [slice(y, 0, 4), slice(y, 3), slice(y, 0, 6, { step: 3 })] as Tensor[]);
    expect([...(await meeting.data())]).toEqual([101, 2, 3, 214, 20, 30]);
  });

  test('along two axes adds up', async () => {
    const x = upTo([2, 2], true);
    expect([...(await gradientOf(x, [slice(x, 0, 1), slice(x, 0, 1, { axis: 1 })] as Tensor[]).data())]).toEqual([11, 2, 20, 0]);
  });

  test('is differentiated again', async () => {
    const x = upTo([2, 4], true);
    const [a, b] = split(x, 2, 1) as [Tensor, Tensor];
    const [dx] = grad(mul(a, mul(b, b) as never).sum() as Tensor, [x], { createGraph: true });
    const [second] = grad(mul(dx, dx).sum() as Tensor, [x]);
    // (b^2, 2ab): its squares' sum b^4 + 4 a^2 b^2 has the gradient 8 a b^2 of a and 4 b^3 + 8 a^2 b of b.
    const [A, B] = [[1, 2, 5, 6], [3, 4, 7, 8]];
    const of = (i: number): number[] => [8 * A[i]! * B[i]! ** 2, 4 * B[i]! ** 3 + 8 * A[i]! ** 2 * B[i]!];
    const expected = [0, 1].flatMap((row) => [of(2 * row)[0]!, of(2 * row + 1)[0]!, of(2 * row)[1]!, of(2 * row + 1)[1]!]);
    expect([...(await second.data())]).toEqual(expected);
  });
});

const expectError = (call: () => unknown, code: string, message: string): void => {
  expect(call).toThrow(expect.objectContaining({ code, message }));
};

test('sizes that are wrong', () => {
  const x = upTo([4, 6]);
  expectError(() => split(x, [2, 3], 1), 'ANNEAL_SHAPE_MISMATCH', '[split] sizes do not add up: got [2, 3], 5 in all, for axis 1 of x [4,6], expected 6. Name a part for all of x.');
  expectError(() => split(x, [2, -2, 4]), 'ANNEAL_INVALID_ARGUMENT', '[split] sizes: got [2, -2, 4], expected whole numbers of at least 0, at least one of them. Pass [2, 3], or 2 for parts of the same size.');
  expectError(() => split(x, []), 'ANNEAL_INVALID_ARGUMENT', '[split] sizes: got [], expected whole numbers of at least 0, at least one of them. Pass [2, 3], or 2 for parts of the same size.');
  expectError(() => split(x, 0), 'ANNEAL_INVALID_ARGUMENT', '[split] sizes: got 0, expected a whole number of at least 1.');
  expectError(() => chunk(x, 1.5), 'ANNEAL_INVALID_ARGUMENT', '[chunk] chunks: got 1.5, expected a whole number of at least 1.');
});
