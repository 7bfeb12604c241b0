import type { Accumulator, AccumulatorState } from './metric.js';

/** The state of an accumulator of two numbers. */
const pairOf = ({ sum, total }: AccumulatorState): [sum: number, total: number] => [sum as number, total as number];

/** The sum of all sums, divided by that of all weights: the second number of a batch, else its count. `finish` makes the result of that mean. */
export function mean(finish: (mean: number) => number = (value) => value): Accumulator {
  let sum = 0;
  let total = 0;
  return {
    add(values, count) {
      sum += values[0]!;
      total += values.length > 1 ? values[1]! : count;
    },
    result: () => finish(sum / total),
    stateDict: () => ({ sum, total }),
    loadStateDict: (state) => void ([sum, total] = pairOf(state)),
  };
}

/** The mean over everything that batches were means over: each counts by what it was divided by, its second number, else its count; by 0, and it has no part. */
export function meanOfMeans(): Accumulator {
  let sum = 0;
  let total = 0;
  return {
    add(values, count) {
      const divisor = values.length > 1 ? values[1]! : count;
      if (divisor === 0) return;
      sum += values[0]! * divisor;
      total += divisor;
    },
    result: () => sum / total,
    stateDict: () => ({ sum, total }),
    loadStateDict: (state) => void ([sum, total] = pairOf(state)),
  };
}

/** The sums of numbers that stand at the same place; `finish` makes the result of them, and of the sum of all counts. Undefined sums: of nothing. */
export function sums<R>(finish: (sums: Float64Array, count: number) => R): Accumulator<R> {
  let totals = new Float64Array();
  let total = 0;
  return {
    add(values, count) {
      if (totals.length !== values.length) totals = grown(totals, values.length);
      for (let i = 0; i < totals.length; i++) totals[i]! += values[i]!;
      total += count;
    },
    result: () => finish(totals, total),
    stateDict: () => ({ totals: totals.slice(), total }),
    loadStateDict: (state) => void ([totals, total] = [Float64Array.from(state['totals'] as Float64Array), state['total'] as number]),
  };
}

function grown(totals: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(length);
  longer.set(totals.subarray(0, length));
  return longer;
}
