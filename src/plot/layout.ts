import type { Figure } from './figure.js';

/** Positions of everything, in pixels. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly subtitle: readonly string[];
  readonly legendTop: number;
  /** The rectangles between the axes, one for each panel. */
  readonly grids: readonly { readonly left: number; readonly top: number; readonly width: number; readonly height: number }[];
  /** Height that slanted names of categories take below the axes; 0: names have room side by side. */
  readonly slanted: number;
}

const WIDTH = 760;
const ROW = 420;
const TITLE = 34;
const LINE = 17;
const LEGEND = 24;
/** Of a character of the small text, generously. */
const CHARACTER = 6.6;
const MARGIN = { left: 70, right: 26, top: 20, bottom: 54 };
/** Between an axis and the names of its categories, and these and the edge. */
const BESIDE = 14;
const PANEL_TITLE = 18;

/** Lays out title, subtitle, legend and panels: one panel wide, or two beside each other. */
export function layoutOf(figure: Figure, width = WIDTH, height?: number): Layout {
  const { panels } = figure;
  const columns = panels.length > 1 ? 2 : 1;
  const rows = Math.ceil(panels.length / columns);
  const subtitle = figure.subtitle === undefined ? [] : wrapped(figure.subtitle, Math.floor((width - 40) / CHARACTER));
  const legendTop = TITLE + subtitle.length * LINE + 6;
  const names = legendNames(figure);
  const head = legendTop + (names.length > 0 ? LEGEND * linesOf(names, width - 40) : 0);
  const whole = height ?? head + rows * (columns === 1 ? ROW - head : 300);
  const cell = { width: width / columns, height: (whole - head) / rows };
  const top = MARGIN.top + (panels.some(({ title }) => title !== undefined) ? PANEL_TITLE : 0);
  const left = Math.max(MARGIN.left, BESIDE + widest(panels.flatMap(({ y }) => y.categories ?? [])));
  const inner = cell.width - left - MARGIN.right;
  const below = widest(panels.flatMap(({ x }) => x.categories ?? []));
  const slanted = panels.some(({ x }) => below + 6 > inner / (x.categories?.length ?? 1)) && below > 0 ? Math.ceil(below * Math.SQRT1_2) : 0;
  const grids = panels.map((_, i) => ({
    left: (i % columns) * cell.width + left,
    top: head + Math.floor(i / columns) * cell.height + top,
    width: inner,
    height: cell.height - top - MARGIN.bottom - slanted,
  }));
  return { width, height: whole, subtitle, legendTop, grids, slanted };
}

/** Pixels that the longest of these names takes, of letters of 11 pixels in the widest of the fonts. */
function widest(names: readonly string[]): number {
  const letter = (one: string): number => (/[MWmw@%]/.test(one) ? 11 : /[A-Z]/.test(one) ? 8.5 : 7);
  return Math.max(0, ...names.map((name) => Array.from(name, letter).reduce((sum, width) => sum + width, 0)));
}

/** Lines that have to be told from others, by name, each once, as they come. */
export function legendNames({ panels }: Figure): string[] {
  return [...new Set(panels.flatMap(({ lines }) => (lines.length > 1 ? lines.map(({ name }) => name) : [])))];
}

/** Returns how many lines the entries of a legend take. */
function linesOf(names: readonly string[], width: number): number {
  let lines = 1;
  let at = 0;
  for (const name of names) {
    const own = name.length * CHARACTER + 45;
    if (at > 0 && at + own > width) {
      lines++;
      at = 0;
    }
    at += own;
  }
  return lines;
}

function wrapped(text: string, most: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 1 > most) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
