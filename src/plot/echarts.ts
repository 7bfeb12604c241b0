import type * as ECharts from 'echarts';
import { AnnealError } from '../errors.js';
import { lazyRequire } from '../lazy-require.js';

const echarts = lazyRequire<typeof ECharts>('echarts');

/** The library that draws, which is not installed with this one. Throws AnnealError (ANNEAL_OPTIONAL_MISSING) where it is absent. */
export function charts(load: () => typeof ECharts = echarts): typeof ECharts {
  try {
    return load();
  } catch (cause) {
    if ((cause as { code?: string }).code !== 'MODULE_NOT_FOUND') throw cause;
    const text = '[plot] pictures are drawn by echarts, which is not installed. Install it beside anneal: npm install echarts.';
    throw new AnnealError('ANNEAL_OPTIONAL_MISSING', text, { op: 'plot', cause });
  }
}
