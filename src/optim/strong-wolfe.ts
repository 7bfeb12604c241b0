/** A point on a line: how far along, the loss there, and its slope along the line. */
export interface Point {
  readonly t: number;
  readonly loss: number;
  readonly slope: number;
}

/** Armijo's constant, that of the curvature condition, the shortest bracket, and the most evaluations. As torch.optim.LBFGS. */
const [C1, C2, MOST] = [1e-4, 0.9, 25];

/**
 * A point along a line that meets the strong Wolfe conditions: the loss has fallen by at least c1 t slope, and the slope by the factor c2. First
 * a bracket around such a point, by longer and longer steps; then smaller and smaller brackets, by cubic interpolation. Where it finds none
 * within 25 evaluations, the lowest end of the bracket. `reach` is the largest element of the direction: a bracket in which no parameter moves
 * by more than `tolerance` is not made smaller. As torch.optim.LBFGS. Source: Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6.
 */
export async function strongWolfe<P extends Point>(start: P, first: number, reach: number, tolerance: number, evaluate: (t: number) => Promise<P>): Promise<{ point: P; evaluations: number }> {
  const enough = (point: P): boolean => point.loss <= start.loss + C1 * point.t * start.slope;
  const flat = (point: P): boolean => Math.abs(point.slope) <= -C2 * start.slope;
  let previous = start;
  let point = await evaluate(first);
  let evaluations = 1;
  let bracket: [P, P] | undefined;
  for (let n = 0; n < MOST && bracket === undefined; n++) {
    if (!enough(point) || (n > 1 && point.loss >= previous.loss)) bracket = [previous, point];
    else if (flat(point)) return { point, evaluations };
    else if (point.slope >= 0) bracket = [previous, point];
    else {
      const next = interpolated(previous, point, point.t + 0.01 * (point.t - previous.t), point.t * 10);
      previous = point;
      point = await evaluate(next);
      evaluations++;
    }
  }
  bracket ??= [start, point];
  let [low, high] = bracket[0].loss <= bracket[1].loss ? bracket : [bracket[1], bracket[0]];
  let stuck = false;
  while (evaluations <= MOST && Math.abs(high.t - low.t) * reach >= tolerance) {
    const [left, right] = [Math.min(low.t, high.t), Math.max(low.t, high.t)];
    let t = interpolated(low, high, left, right);
    // Close to an end twice, or on it: a tenth of the bracket away from it.
    const margin = 0.1 * (right - left);
    const close = Math.min(right - t, t - left) < margin;
    if (close && (stuck || t >= right || t <= left)) {
      t = Math.abs(t - right) < Math.abs(t - left) ? right - margin : left + margin;
      stuck = false;
    } else stuck = close;
    point = await evaluate(t);
    evaluations++;
    if (!enough(point) || point.loss >= low.loss) {
      high = point;
      if (high.loss < low.loss) [low, high] = [high, low];
    } else {
      if (flat(point)) return { point, evaluations };
      if (point.slope * (high.t - low.t) >= 0) high = low;
      low = point;
    }
  }
  return { point: low, evaluations };
}

/** Returns the minimum of the cubic through two points with their slopes, held in [left, right]; the middle, where it has no lowest point. */
function interpolated(a: Point, b: Point, left: number, right: number): number {
  const [from, to] = a.t <= b.t ? [a, b] : [b, a];
  const d1 = from.slope + to.slope - (3 * (from.loss - to.loss)) / (from.t - to.t);
  const square = d1 * d1 - from.slope * to.slope;
  if (!(square >= 0)) return (left + right) / 2;
  const d2 = Math.sqrt(square);
  const lowest = to.t - (to.t - from.t) * ((to.slope + d2 - d1) / (to.slope - from.slope + 2 * d2));
  return Math.min(Math.max(lowest, left), right);
}
