// Edit distance and error rates, against values that are known.
import { expect, test } from 'vitest';
import fc from 'fast-check';
import { metrics } from 'anneal';

test.each([
  ['kitten', 'sitting', 3],
  ['saturday', 'sunday', 3],
  ['flaw', 'lawn', 2],
  ['', 'abc', 3],
  ['abc', '', 3],
  ['', '', 0],
  ['abc', 'abc', 0],
])('of %s and %s', (a, b, distance) => {
  expect(metrics.editDistance(Array.from(a), Array.from(b))).toBe(distance);
  expect(metrics.editDistance(Int32Array.from(a, (c) => c.charCodeAt(0)), Int32Array.from(b, (c) => c.charCodeAt(0)))).toBe(distance);
});

test('is that of the recurrence, for tokens of any size', () => {
  const token = fc.constantFrom(-1, 0, 1, 65536, 2 ** 31 - 1);
  fc.assert(
    fc.property(fc.array(token, { maxLength: 40 }), fc.array(token, { maxLength: 40 }), (a, b) => {
      let row = Array.from({ length: b.length + 1 }, (_, j) => j);
      a.forEach((x, i) => {
        const next = [i + 1];
        b.forEach((y, j) => next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (x === y ? 0 : 1))));
        row = next;
      });
      expect(metrics.editDistance(a, b)).toBe(row.at(-1));
    }),
    { numRuns: 100 },
  );
});

test('words are tokens as a whole: the word error rate of sentences', () => {
  const split = (text: string): string[] => text.split(' ');
  // 1 replaced and 1 left out of 6; 1 put in to 3.
  const rates = metrics.errorRate([split('the cat sit on the'), split('it is is so')], [split('the cat sat on the mat'), split('it is so')]);
  expect(rates).toEqual({ errorRate: 3 / 9, sequenceErrorRate: 1, edits: 3, length: 9 });
});

test('the nearest of several references counts, of equally near ones the first', () => {
  expect(metrics.errorRate([[1, 2, 3]], [[[1, 2], [1, 2, 3, 4, 5], [4]]])).toEqual({ errorRate: 0.5, sequenceErrorRate: 1, edits: 1, length: 2 });
  expect(metrics.errorRate([[1, 2, 3]], [[[9, 9, 9], Int32Array.of(1, 2, 3)]])).toEqual({ errorRate: 0, sequenceErrorRate: 0, edits: 0, length: 3 });
  expect(metrics.errorRate([[1, 2, 3]], [[[1, 2, 3, 4], [2, 3]]]).length).toBe(4);
});

test('of nothing there is no rate', () => {
  expect(metrics.errorRate([], [])).toEqual({ errorRate: NaN, sequenceErrorRate: NaN, edits: 0, length: 0 });
  expect(metrics.errorRate([[1]], [[]])).toEqual({ errorRate: Infinity, sequenceErrorRate: 1, edits: 1, length: 0 });
});

test.each<[() => unknown, string]>([
  [() => metrics.editDistance('kitten' as never, []), "[metrics.editDistance] a: got 'kitten', expected an array of tokens. Of a text take its characters, Array.from(text), or its words."],
  [() => metrics.errorRate([[1]], []), '[metrics.errorRate] got 1 predictions for 0 references, expected as many.'],
  [() => metrics.errorRate([[1]], ['ab'] as never), "[metrics.errorRate] references[0]: got 'ab', expected an array of tokens. Of a text take its characters, Array.from(text), or its words."],
  [() => metrics.errorRate([[1]], [[[1], 'ab']] as never), "[metrics.errorRate] references[0][1]: got 'ab', expected an array of tokens. Of a text take its characters, Array.from(text), or its words."],
  [() => metrics.errorRate(undefined as never, []), '[metrics.errorRate] got undefined and an Array, expected arrays of sequences.'],
])('errors %#', (call, message) => expect(call).toThrow(message));
