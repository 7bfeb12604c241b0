import type { DType } from '../dtype.js';
import type { Shape } from '../shape.js';
import type { Attrs, Example } from './record.js';

/** Nothing, one, around every vector width, and a prime that no block size divides. */
const SIZES = [0, 1, 7, 8, 9, 15, 16, 17, 101];

interface Range {
  readonly from?: number;
  readonly to?: number;
  readonly dtype?: DType;
}

/** Examples of an op with one operand, element by element. */
export function unaryExamples(range: Range = {}, attrs?: Attrs): Example[] {
  const shapes: Shape[] = [...SIZES.map((size) => [size]), [], [3, 5], [2, 0, 3]];
  const examples = shapes.map((shape): Example => example([{ shape, ...range }], attrs));
  return [...examples, example([{ shape: [5, 7], ...range, as: 'view' }], attrs)];
}

/** Examples of an op with two operands: equal shapes, broadcasts both ways, transposed views. */
export function binaryExamples(a: Range = {}, b: Range = a): Example[] {
  const pairs: [Shape, Shape][] = [
    ...SIZES.map((size): [Shape, Shape] => [[size], [size]]),
    [[], []],
    [[3, 5], [5]],
    [[7], [3, 1]],
    [[2, 3, 4], []],
    [[1], [17]],
    [[2, 1, 4], [3, 1]],
    [[0, 3], [1, 3]],
  ];
  const examples = pairs.map(([x, y]): Example => ({ inputs: [{ shape: x, ...a }, { shape: y, ...b }] }));
  return [
    ...examples,
    { inputs: [{ shape: [5, 9], ...a, as: 'view' }, { shape: [5, 9], ...b }] },
    { inputs: [{ shape: [5, 9], ...a, as: 'view' }, { shape: [9], ...b }] },
  ];
}

export function example(inputs: Example['inputs'], attrs?: Attrs): Example {
  return attrs === undefined ? { inputs } : { inputs, attrs };
}
