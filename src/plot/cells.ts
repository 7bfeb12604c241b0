import type { CustomSeriesOption } from 'echarts';
import type { Cell } from './figure.js';

/** Of the first colour of lines, at full strength. */
const RGB = [0, 114, 178] as const;

/** The squares of a table, the darker the greater their shade, with their texts where these have room. */
export function cellsOf(cells: readonly Cell[]): CustomSeriesOption {
  return {
    type: 'custom',
    data: cells.map(({ row, column }) => [column, row]),
    renderItem: ({ dataIndex }, api) => {
      const { row, column, shade, text } = cells[dataIndex]!;
      const [x, y] = api.coord([column, row]) as [number, number];
      const [width, height] = api.size!([1, 1]) as [number, number];
      const fits = text.length * 6.6 < width && height > 12;
      return {
        type: 'group',
        children: [
          { type: 'rect', shape: { x: x - width / 2, y: y - height / 2, width, height }, style: { fill: mixed(shade), stroke: '#ffffff', lineWidth: 1 } },
          ...(fits ? [{ type: 'text' as const, style: { x, y, text, align: 'center' as const, verticalAlign: 'middle' as const, fontSize: 12, fill: shade > 0.55 ? '#ffffff' : '#333333' } }] : []),
        ],
      };
    },
  };
}

/** From nearly white to the colour. */
function mixed(shade: number): string {
  const share = Number.isFinite(shade) ? 0.04 + 0.96 * shade : 0;
  return `rgb(${RGB.map((full) => Math.round(255 + (full - 255) * share)).join(',')})`;
}
