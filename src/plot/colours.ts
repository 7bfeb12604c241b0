import type { Figure, Line } from './figure.js';

/** Of Okabe and Ito, who chose them for eyes of every kind: https://jfly.uni-koeln.de/color/ */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#555555'];

/** Style of a line, which tells it from the others. */
export interface Ink {
  readonly colour: string;
  readonly stroke: { readonly type?: 'dotted' };
}

/** Gives each name a colour, in the order in which names come; when there are no more, the first ones again, dotted. */
export function coloursOf({ panels }: Figure): (line: Line) => Ink {
  const names = [...new Set(panels.flatMap(({ lines }) => lines.map(({ name, like = name }) => like)))];
  return ({ name, like = name }) => {
    const i = names.indexOf(like);
    return { colour: COLOURS[i % COLOURS.length]!, stroke: i < COLOURS.length ? {} : { type: 'dotted' } };
  };
}
