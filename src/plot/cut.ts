import type { Point, Scale } from './figure.js';

/** A line without what lies above `most`: it ends where it reaches that, and begins again where it comes back; between the two is a gap. */
export function cut(points: readonly Point[], most: number, scale: Scale): Point[] {
  const along = scale === 'linear' ? { of: (x: number) => x, back: (x: number) => x } : { of: Math.log, back: Math.exp };
  const crossing = ([x0, y0]: Point, [x1, y1]: Point): Point => [along.back(along.of(x0) + ((most - y0) / (y1 - y0)) * (along.of(x1) - along.of(x0))), most];
  return points.flatMap((point, i): Point[] => {
    const before = points[i - 1];
    const above = point[1] > most;
    const crosses = before !== undefined && Number.isFinite(before[1]) && Number.isFinite(point[1]) && before[1] > most !== above;
    return [...(crosses ? [crossing(before, point)] : []), above ? [point[0], NaN] : point];
  });
}
