import type { CustomSeriesOption, EChartsOption, LineSeriesOption } from 'echarts';
import type { Figure, Line, Panel, Point } from './figure.js';
import { legendNames, type Layout } from './layout.js';
import { coloursOf, type Ink } from './colours.js';
import { cellsOf } from './cells.js';
import { cut } from './cut.js';
import { marksOf } from './marks.js';
import { extentOf, tick, type Extent } from './ticks.js';

const INK = '#333333';
const PALE = '#e4e4e4';
const FONT = 'Helvetica, Arial, DejaVu Sans, sans-serif';
/** Lines with more points than this have no circles. */
const FEW = 30;

/** A figure in the words of the library that draws it. */
export function optionsFor(figure: Figure, layout: Layout): EChartsOption {
  const names = legendNames(figure);
  const extents = figure.panels.map((panel, i) => ({ x: extentOf(panel, 'x', layout.grids[i]!.width), y: extentOf(panel, 'y', layout.grids[i]!.height) }));
  return {
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: FONT, color: INK },
    title: [titleOf(figure, layout), ...figure.panels.flatMap((panel, i) => panelTitle(panel, layout.grids[i]!))],
    legend: names.length > 0 ? { data: names, top: layout.legendTop, left: 20, right: 20, itemGap: 26, itemWidth: 22, textStyle: { fontSize: 12, color: INK } } : { show: false },
    grid: layout.grids.map((grid) => ({ ...grid, outerBoundsMode: 'none' })),
    xAxis: figure.panels.map((panel, i) => axis(panel, 'x', extents[i]!.x, i, layout.slanted)),
    yAxis: figure.panels.map((panel, i) => axis(panel, 'y', extents[i]!.y, i, 0)),
    series: figure.panels.flatMap((panel, i) => seriesOf(panel, i, extents[i]!, coloursOf(figure))),
  };
}

function titleOf({ title }: Figure, { subtitle }: Layout) {
  const text = subtitle.length === 0 ? {} : { subtext: subtitle.join('\n'), itemGap: 6, subtextStyle: { fontSize: 12, lineHeight: 17, color: '#555555' } };
  return { text: title, left: 20, top: 10, textStyle: { fontSize: 16, color: INK }, ...text };
}

function panelTitle({ title }: Panel, grid: Layout['grids'][number]) {
  return title === undefined ? [] : [{ text: title, left: grid.left - 8, top: grid.top - 30, textStyle: { fontSize: 13, color: INK } }];
}

function axis(panel: Panel, along: 'x' | 'y', { scale, min, max, interval }: Extent, gridIndex: number, slanted: number) {
  const { name, categories } = panel[along];
  if (categories !== undefined) return categoryAxis(name, categories, along, gridIndex, slanted);
  const kind = scale === 'linear' ? { type: 'value' as const, interval: interval! } : { type: 'log' as const, logBase: scale === 'log2' ? 2 : 10 };
  return {
    ...kind,
    gridIndex,
    min,
    max,
    name,
    nameLocation: 'middle' as const,
    nameGap: along === 'x' ? 30 : 50,
    nameTextStyle: { fontSize: 12, color: INK },
    axisLine: { show: true, lineStyle: { color: '#888888' }, onZero: false },
    axisLabel: { formatter: scale === 'linear' ? tick : (value: number) => (isPower(value, scale) ? tick(value) : ''), hideOverlap: true, fontSize: 11, color: INK },
    splitLine: { lineStyle: { color: PALE } },
    silent: true,
  };
}

/** Of a table: rows go down, and names stand beside their squares. */
function categoryAxis(name: string, categories: readonly string[], along: 'x' | 'y', gridIndex: number, slanted: number) {
  return {
    type: 'category' as const,
    data: [...categories],
    inverse: along === 'y',
    gridIndex,
    name,
    nameLocation: 'middle' as const,
    nameGap: along === 'x' ? 30 + slanted : 50,
    nameTextStyle: { fontSize: 12, color: INK },
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: { fontSize: 11, color: INK, hideOverlap: true, ...(slanted > 0 ? { rotate: 45 } : {}) },
    splitLine: { show: false },
    silent: true,
  };
}

/** The ends of a logarithmic axis may lie between its ticks. */
function isPower(value: number, scale: 'log' | 'log2'): boolean {
  const exponent = scale === 'log' ? Math.log10(value) : Math.log2(value);
  return Math.abs(exponent - Math.round(exponent)) < 1e-6;
}

type Series = LineSeriesOption | CustomSeriesOption;

function seriesOf(panel: Panel, i: number, extents: { readonly x: Extent; readonly y: Extent }, inkOf: (line: Line) => Ink): Series[] {
  const axes = { xAxisIndex: i, yAxisIndex: i, silent: true, clip: true };
  const lines = panel.lines.map((line): Series => ({
    ...axes,
    type: 'line',
    name: line.name,
    data: cut(line.points, panel.y.most === undefined ? Infinity : extents.y.max, extents.x.scale).map(([x, y]) => (shown(x, extents.x) && shown(y, extents.y) ? [x, y] : [x, '-'])),
    showSymbol: line.style === 'dots' || (line.dots ?? line.points.length <= FEW),
    symbol: 'circle',
    symbolSize: 5,
    color: inkOf(line).colour,
    lineStyle: { ...inkOf(line).stroke, ...STYLES[line.style ?? 'solid'] },
    itemStyle: line.style === 'faint' ? { opacity: STYLES.faint.opacity } : line.style === 'dots' ? { opacity: 0.5 } : {},
    z: 3,
    ...(line.points.length > 2000 && line.style !== 'dots' ? { sampling: 'lttb' as const } : {}),
  }));
  const bands = panel.lines.flatMap((line): Series[] => (line.band === undefined ? [] : [{ ...axes, ...bandOf(line, extents.y, inkOf(line).colour), z: 2 }]));
  const cells = panel.cells === undefined ? [] : [{ ...axes, ...cellsOf(panel.cells), z: 2 }];
  return [...lines, ...bands, ...cells, { ...axes, ...marksOf(panel, extents), z: 4 }];
}

const STYLES = { solid: { width: 2 }, faint: { width: 1, opacity: 0.35 }, dashed: { width: 2, type: 'dashed' as const }, dots: { width: 0 } };

const shown = (value: number, { scale }: Extent): boolean => Number.isFinite(value) && (scale === 'linear' || value > 0);

/** The area between two courses, as one polygon. */
function bandOf({ name, points, band }: Line, { min }: Extent, fill: string): CustomSeriesOption {
  const { low, high } = band!;
  const corners: Point[] = [...points.map(([x], i): Point => [x, high[i]!]), ...points.map(([x], i): Point => [x, Math.max(low[i]!, min)]).reverse()].filter((corner) => corner.every(Number.isFinite));
  return {
    type: 'custom',
    name,
    data: [[points[0]?.[0] ?? 0, 0]],
    renderItem: (_, api) => ({ type: 'polygon', shape: { points: corners.map((corner) => api.coord([...corner])) }, style: { fill, opacity: 0.16 } }),
  };
}
