import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { checkOptions, checkRequired } from '../options.js';
import { countsOf, type Scores } from './scores.js';

/** Costs of the two kinds of mistakes, in any unit. */
export interface MistakeCosts {
  /** Cost of a negative that is taken for positive. */
  readonly falsePositive: number;
  /** Cost of a positive that is missed. */
  readonly falseNegative: number;
}

export interface BestThresholdOptions {
  /** Weight of recall beside precision in F-beta: 2 counts recall twice as much. Default 1. Not with `costs`. */
  readonly beta?: number | undefined;
  /** Makes the mean cost of an example as small as it can be, in place of F-beta as great. */
  readonly costs?: MistakeCosts | undefined;
}

/** A threshold, above which scores are taken for positive, and what it gives on the examples that it was chosen by. */
export interface BestThreshold {
  readonly threshold: number;
  /** NaN where nothing is taken for positive. */
  readonly precision: number;
  readonly recall: number;
  /** F-beta, or the mean cost of an example. */
  readonly value: number;
}

const OP = 'metrics.bestThreshold';

/**
 * The threshold for which F-beta = (1 + beta^2) P R / (beta^2 P + R) is the greatest, or the cost of mistakes the smallest, from scores of examples that were not trained on. It lies in the middle between two scores; of equal ones it is
 * the highest. As a score is taken for positive above it, Predictor takes it for `threshold` where scores are probabilities. O(n log n).
 *
 *     const scored = { scores: [0.1, 0.4, 0.35, 0.8], labels: [0, 0, 1, 1] };
 *     const { threshold } = metrics.bestThreshold(scored);                   // (0.1 + 0.35) / 2
 *     const careful = metrics.bestThreshold(scored, { costs: { falsePositive: 10, falseNegative: 1 } });
 *
 * Throws ArgumentError as rocCurve(), and for a beta that is not above 0 or costs below 0.
 */
export function bestThreshold(scored: Scores, options: BestThresholdOptions = {}): BestThreshold {
  checkOptions(OP, options, ['beta', 'costs']);
  const { beta, costs } = options;
  const { found, wrong, lowest, positives, negatives } = countsOf(OP, scored);
  const valueOf = costs === undefined ? fBeta(beta ?? 1, positives) : meanCost(costs, beta, positives, positives + negatives);
  let best = -1;
  let value = NaN;
  for (let i = 0; i < found.length; i++) {
    const one = valueOf(found[i]!, wrong[i]!);
    if (best >= 0 && (costs === undefined ? one <= value : one >= value)) continue;
    [best, value] = [i, one];
  }
  return { threshold: between(lowest[best]!, lowest[best + 1]), precision: found[best]! / (found[best]! + wrong[best]!), recall: found[best]! / positives, value };
}

/** A number below `upper`, the lowest score that is taken, and not below `lower`, the next one. */
function between(upper: number, lower: number | undefined): number {
  // A probability stays one.
  if (lower === undefined) return upper > 0 ? upper / 2 : upper === 0 ? -Number.MIN_VALUE : 2 * upper;
  const middle = upper / 2 + lower / 2;
  return upper === Infinity || middle >= upper ? lower : middle;
}

type Value = (found: number, wrong: number) => number;

function fBeta(beta: number, positives: number): Value {
  if (!(typeof beta === 'number' && beta > 0 && beta < Infinity)) throw new ArgumentError(`[${OP}] beta: got ${describeValue(beta)}, expected a number above 0, such as 1, or 2 where recall counts more.`, { op: OP });
  return (found, wrong) => ((1 + beta ** 2) * found) / (beta ** 2 * positives + found + wrong);
}

function meanCost(costs: MistakeCosts, beta: number | undefined, positives: number, count: number): Value {
  if (beta !== undefined) throw new ArgumentError(`[${OP}] beta: got ${describeValue(beta)} beside costs, expected one of them. Leave one out.`, { op: OP });
  checkRequired(`${OP} costs`, costs, ['falsePositive', 'falseNegative']);
  for (const name of ['falsePositive', 'falseNegative'] as const) {
    const cost: unknown = costs[name];
    if (!(typeof cost === 'number' && cost >= 0 && cost < Infinity)) throw new ArgumentError(`[${OP}] costs.${name}: got ${describeValue(cost)}, expected a number of at least 0.`, { op: OP });
  }
  return (found, wrong) => (costs.falsePositive * wrong + costs.falseNegative * (positives - found)) / count;
}
