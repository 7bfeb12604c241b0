import type { Axis, Panel, Scale } from './figure.js';

/** The scale and the ends of an axis. */
export interface Extent {
  readonly scale: Scale;
  readonly min: number;
  readonly max: number;
  /** Between two ticks of a linear axis. */
  readonly interval?: number;
}

/** Range that an axis has to show: all values drawn along it, a little more where that leaves room for the eye. */
export function extentOf(panel: Panel, along: 'x' | 'y', length: number): Extent {
  const axis = panel[along];
  const { most = Infinity, categories } = axis;
  if (categories !== undefined) return { scale: 'linear', min: 0, max: categories.length - 1, interval: 1 };
  const values = valuesOf(panel, along).filter(Number.isFinite).map((value) => Math.min(value, most));
  const low = values.length === 0 ? 0 : values.reduce((a, b) => Math.min(a, b));
  const high = values.length === 0 ? 1 : values.reduce((a, b) => Math.max(a, b));
  const scale = scaleOf(axis, low);
  // As many ticks as leave room for their texts.
  const parts = Math.max(2, Math.floor(length / (along === 'x' ? 75 : 45)));
  if (scale === 'linear') return linear(axis, low, high, along, parts);
  const base = scale === 'log2' ? 2 : 10;
  return { scale, ...(along === 'x' ? { min: low, max: high === low ? low * base : high } : powers(low, high, base)) };
}

function valuesOf({ x, y, lines, marks = [] }: Panel, along: 'x' | 'y'): number[] {
  const i = along === 'x' ? 0 : 1;
  // What is left out of a logarithmic axis has no place on the other one either.
  const shown = lines.flatMap(({ points }) => points.filter(([a, b]) => Number.isFinite(a) && Number.isFinite(b)).map((point) => point[i]));
  const bands = along === 'x' ? [] : lines.flatMap(({ band }) => (band === undefined ? [] : [...band.low, ...band.high]));
  const { scale = 'linear' } = along === 'x' ? x : y;
  const marked = marks.flatMap((mark) => (mark[along] === undefined || (scale !== 'linear' && mark[along] <= 0) ? [] : [mark[along]]));
  return [...shown, ...bands, ...marked];
}

const scaleOf = ({ scale = 'linear' }: Axis, low: number): Scale => (low > 0 ? scale : 'linear');

function linear({ whole = false }: Axis, low: number, high: number, along: 'x' | 'y', parts: number): Extent {
  if (low === high) return linear({ name: '', whole: along === 'x' && whole }, whole ? low - 1 : low - Math.abs(low) / 2, whole ? high + 1 : low === 0 ? 1 : high + Math.abs(high) / 2, along, parts);
  const interval = Math.max(stepOf((high - low) / parts), whole ? 1 : 0);
  if (along === 'x') return { scale: 'linear', min: Math.floor(low / interval + 1e-9) * interval, max: high, interval };
  // From zero where that costs little of the picture.
  const from = low >= 0 && low < (high - low) / 2 ? 0 : low;
  const step = stepOf((high - from) / parts);
  return { scale: 'linear', min: Math.floor(from / step + 1e-9) * step, max: Math.ceil(high / step - 1e-9) * step, interval: step };
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function stepOf(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least * 0.999)!;
}

/** Whole powers around the values, so that there are ticks at both ends. */
function powers(low: number, high: number, base: number): { min: number; max: number } {
  const log = base === 2 ? Math.log2 : Math.log10;
  const min = base ** Math.floor(log(low) + 1e-9);
  const max = base ** Math.ceil(log(high) - 1e-9);
  return { min, max: max > min ? max : min * base };
}

/** A number as a tick says it: 0.001, 1e-5, 4096, 12,000. */
export function tick(value: number): string {
  const rounded = Number(value.toPrecision(6));
  const size = Math.abs(rounded);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return Number(value.toPrecision(3)).toExponential().replace('e+', 'e');
  return rounded.toLocaleString('en-US', { maximumFractionDigits: 6, useGrouping: size >= 1e4 });
}
