import type { CustomSeriesOption } from 'echarts';
import type { Panel } from './figure.js';
import type { Extent } from './ticks.js';

const INK = '#333333';
/** Between the texts of two marks that stand side by side. */
const LINE = 18;
const CHARACTER = 5.8;

/** Straight lines across a panel, each with its text: beside an upright line, one below the other; above a level one. */
export function marksOf({ marks = [] }: Panel, extents: { readonly x: Extent; readonly y: Extent }): CustomSeriesOption {
  const visible = marks.filter(({ x, y }) => inside(x, extents.x) && inside(y, extents.y));
  return {
    type: 'custom',
    data: visible.map(({ x, y }) => [x ?? extents.x.min, y ?? extents.y.max]),
    renderItem: ({ coordSys, dataIndex }, api) => {
      const { x, y, width, height } = coordSys as unknown as Box;
      const mark = visible[dataIndex]!;
      const [left, top] = api.coord([mark.x ?? extents.x.min, mark.y ?? extents.y.max]) as [number, number];
      const upright = mark.y === undefined;
      const ends = upright ? { x1: left, y1: y, x2: left, y2: y + height } : { x1: x, y1: top, x2: x + width, y2: top };
      return {
        type: 'group',
        children: [
          { type: 'line', shape: ends, style: { stroke: INK, lineDash: [4, 4], lineWidth: 1 } },
          ...(mark.text === undefined ? [] : [{ type: 'text' as const, ...(upright ? beside(left, y + 6 + LINE * dataIndex, x + width, mark.text) : above(top, x + width, mark.text)) }]),
        ],
      };
    },
  };
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const TEXT = { fontSize: 11, fill: INK, backgroundColor: 'rgba(255,255,255,0.85)', padding: [1, 3] };

/** To the right of an upright line, as far as there is room; else it ends where the panel does. */
function beside(left: number, y: number, right: number, text: string) {
  const fits = left + text.length * CHARACTER + 10 <= right;
  return { x: fits ? left + 4 : right - 2, y, style: { ...TEXT, text, align: fits ? ('left' as const) : ('right' as const) } };
}

function above(top: number, right: number, text: string) {
  return { x: right - 4, y: top - 16, style: { ...TEXT, text, align: 'right' as const } };
}

const inside = (value: number | undefined, { min, max }: Extent): boolean => value === undefined || (value >= min && value <= max);
