import { describe, expect, it } from 'vitest';
import { flatten, type Nested } from '../../src/data/nested.js';
import { DataError } from '../../src/errors.js';

describe('flatten', () => {
  it('gives the numbers, row-major, and the shape', () => {
    expect(flatten([[[1, 2, 3], [4, 5, 6]]], 'op', 'x')).toEqual({ shape: [1, 2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
    expect(flatten([], 'op', 'x')).toEqual({ shape: [0], data: new Float32Array(0) });
    expect(flatten([[], []], 'op', 'x')).toEqual({ shape: [2, 0], data: new Float32Array(0) });
  });

  it.each<[string, unknown]>([
    ['x[1] is not like the rest of x: got 1 elements, expected 2', [[1, 2], [3]]],
    ['x[1][0] is not like the rest of x: got an array of 1, expected a number', [[1], [[2]]]],
    ['x[1] is not like the rest of x: got a number, expected an array of 1', [[1], 2]],
    ['x[0][1] is not like the rest of x: got a string, expected a number', [[1, '2']]],
    ['x[1] is not like the rest of x: got undefined, expected a number', [1, undefined]],
    ['x[1][1][0] is not like the rest of x: got null, expected a number', [[[1], [1]], [[1], [null]]]],
  ])('%s', (text, nested) => {
    expect(() => flatten(nested as Nested, 'data.fromArrays', 'x')).toThrow(DataError);
    expect(() => flatten(nested as Nested, 'data.fromArrays', 'x')).toThrow(`[data.fromArrays] ${text}`);
  });
});
