// Counts of any size: exact in a batch as in all of them together.
import type { Tensor } from '../tensor.js';
import type { Accumulator } from './metric.js';
import { sums } from './accumulators.js';

/** Up to here float32 has every whole number. */
const EXACT = 2 ** 24;

/** In what dtype so many things can be counted. Float32, which small programs deliver faster, as far as it goes. */
export function countType(most: number): 'int32' | 'float32' {
  return most > EXACT ? 'int32' : 'float32';
}

/** Counts, and as the last element the number of examples that have a NaN. */
export type Counts = Tensor<readonly number[], 'int32' | 'float32'>;

/** The sums of counts; `finish` makes the result of them and of the number of examples. They are NaN where an example has one. */
export function totals<R>(finish: (counts: Float64Array, examples: number) => R): Accumulator<R> {
  return sums((all, examples) => {
    const counts = all.slice(0, -1);
    return finish((all.at(-1) ?? 0) === 0 ? counts : counts.fill(NaN), examples);
  });
}

/**
 * The share of what holds: the first number of a batch by the second, else by its count. A third is how many examples have a NaN, which
 * makes it NaN; without one the first is NaN then.
 */
export function shares(): Accumulator {
  let holds = 0;
  let all = 0;
  return {
    add(values, count) {
      const open = values.length > 2 ? values[2]! : 0;
      holds += open > 0 ? NaN : values[0]!;
      all += values.length > 1 ? values[1]! : count;
    },
    result: () => holds / all,
    stateDict: () => ({ holds, all }),
    loadStateDict: (state) => void ([holds, all] = [state['holds'] as number, state['all'] as number]),
  };
}
