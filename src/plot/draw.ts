import type * as Crypto from 'node:crypto';
import { ArgumentError } from '../errors.js';
import { lazyRequire } from '../lazy-require.js';
import { charts } from './echarts.js';
import type { Figure, PlotOptions } from './figure.js';
import { layoutOf } from './layout.js';
import { optionsFor } from './option.js';

const crypto = lazyRequire<typeof Crypto>('node:crypto');

/** The figure as an SVG document: the same text every time, on every machine. */
export function draw(figure: Figure, options: PlotOptions = {}): string {
  const titled = { ...figure, title: options.title ?? figure.title };
  const layout = layoutOf(titled, checkSize('width', options.width), checkSize('height', options.height));
  const { width, height } = layout;
  const chart = charts().init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption(optionsFor(titled, layout));
    return still(chart.renderToSVGString());
  } finally {
    chart.dispose();
  }
}

/**
 * Takes off what is for moving pictures only (classes, hover styles), and names clip paths for the content: the library counts its
 * pictures in them, so that neither would a picture look the same twice nor could two stand in one page.
 */
function still(svg: string): string {
  const bare = svg
    .replaceAll(/<style ><!\[CDATA\[.*?\]\]>\s*<\/style>\n?/gs, '')
    .replaceAll(/ (?:class|ecmeta_\w+|pointer-events)="[^"]*"/g, '')
    .replaceAll(/zr\d+-c/g, 'clip-');
  const name = crypto().createHash('sha256').update(bare).digest('hex').slice(0, 8);
  return `${bare.replaceAll('clip-', `clip-${name}-`).trimEnd()}\n`;
}

const LEAST = 200;

function checkSize(name: string, value: number | undefined): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= LEAST)) return value;
  throw new ArgumentError(`[plot] ${name}: got ${String(value)}, expected whole pixels, at least ${LEAST}.`, { op: 'plot' });
}
