/** A step of a range test: the rate that it used, and the loss of its batch before it. */
export interface RatePoint {
  readonly rate: number;
  readonly loss: number;
  /** The mean of the losses around, the nearer the heavier: what the suggestion is read from. */
  readonly smoothed: number;
}

/** A learning rate and why it is this one. */
export interface RateSuggestion {
  readonly rate: number;
  /** 'steepest': where the smoothed loss falls fastest; 'tenth': a tenth of the rate where it is lowest. */
  readonly rule: 'steepest' | 'tenth';
  readonly reason: string;
}

/** Means over `reach` neighbours to each side with weights that fall in a line, times what each value `counts` (all alike): symmetric, so that they lag behind nothing. */
export function smooth(values: readonly number[], reach: number, counts: readonly number[] = values.map(() => 1)): number[] {
  return values.map((_, i) => {
    let sum = 0;
    let weights = 0;
    for (let k = Math.max(0, i - reach); k <= Math.min(values.length - 1, i + reach); k++) {
      const weight = (reach + 1 - Math.abs(k - i)) * counts[k]!;
      sum += weight * values[k]!;
      weights += weight;
    }
    return sum / weights;
  });
}

/** Distance from the lowest loss, as a factor of the rate, that the steepest descent has to have for a rate that keeps clear of the cliff. */
const CLEAR = 3;
/** A fall of the loss by less than this share is none. */
const LEAST_FALL = 0.02;

/** Reads a rate from the curve; only a reason where there is none to be read. */
export function suggest(curve: readonly RatePoint[]): RateSuggestion | { readonly rate: undefined; readonly reason: string } {
  const losses = curve.map(({ smoothed }) => smoothed);
  const lowest = losses.indexOf(losses.reduce((a, b) => Math.min(a, b), Infinity));
  const fall = (losses[0] ?? 0) - (losses[lowest] ?? 0);
  const noise = deviation(curve);
  if (curve.length < 3 || lowest < 1 || fall < Math.max(LEAST_FALL * Math.abs(losses[0]!), noise)) {
    return { rate: undefined, reason: `The loss never fell clearly (by ${show(fall)} at most, while single batches lie ${show(noise)} around its course). Take more steps, larger batches, or other ends: { steps, batchSize, from, to }.` };
  }
  const bottom = curve[lowest]!.rate;
  const steepest = steepestOf(curve, lowest);
  const end = lowest >= curve.length - 2 ? ` It was still falling at the end: a higher { to } may allow a higher rate.` : '';
  const lowestAt = `it is lowest at ${show(bottom)}`;
  if (bottom / steepest >= CLEAR) {
    return { rate: steepest, rule: 'steepest', reason: `The loss falls fastest, per factor of the rate, at ${show(steepest)}; ${lowestAt}, from where on steps begin to do harm.${end}` };
  }
  return { rate: bottom / 10, rule: 'tenth', reason: `A tenth of the rate at which the loss is lowest, ${show(bottom)}: it falls fastest so close before that, at ${show(steepest)}, that a rate from there would not be safe.${end}` };
}

/** Returns where the smoothed loss falls most from one rate to the next but one; between rates that grow by a constant factor that is the slope over their logarithm. */
function steepestOf(curve: readonly RatePoint[], lowest: number): number {
  let best = 1;
  const fall = (i: number): number => curve[i - 1]!.smoothed - curve[i + 1]!.smoothed;
  for (let i = 1; i < Math.min(lowest, curve.length - 1); i++) if (fall(i) > fall(best)) best = i;
  return curve[best]!.rate;
}

/** The standard deviation of single losses around the smoothed course over the first half, before large rates shake them. */
function deviation(curve: readonly RatePoint[]): number {
  const first = curve.slice(0, Math.ceil(curve.length / 2));
  return Math.sqrt(first.reduce((sum, { loss, smoothed }) => sum + (loss - smoothed) ** 2, 0) / Math.max(1, first.length));
}

/** A number as a person says it. */
export const show = (value: number): string => String(Number(value.toPrecision(2)));
