import { optim, plot, type AnnealError, type metrics, type train } from 'anneal';
import { expect, test } from 'vitest';
import { charts } from '../../src/plot/echarts.js';
import { draw } from '../../src/plot/draw.js';

const { constant, cosine, exponential, linear, reduceOnPlateau, step } = optim.schedules;

/** The texts of a picture, in the order in which they are drawn. */
const texts = (svg: string): string[] => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);

/** The corners of its longest path, which is a line of data. */
function corners(svg: string, colour: string): number[][] {
  const paths = [...svg.matchAll(/<path d="([^"]*)" fill="none" stroke="(#\w+)"[^>]*stroke-width="2"/g)].filter(([, , stroke]) => stroke === colour);
  const [longest = ''] = paths.map(([, d]) => d!).toSorted((a, b) => b.length - a.length);
  return longest.split(/[ML]/).slice(1).map((pair) => pair.split(' ').map(Number));
}

const BLUE = '#0072b2';
const ORANGE = '#d55e00';

test('a schedule draws itself: title, axes, and its values in their places', () => {
  const svg = linear(0.1, 0, 4).plot();
  expect(svg).toMatch(/^<svg width="760" height="420" [^>]*xmlns/);
  expect(texts(svg)).toEqual(expect.arrayContaining(['linear(0.1, 0, 4)', 'step', 'learning rate', '0.1', '4']));
  const line = corners(svg, BLUE);
  expect(line).toHaveLength(5);
  const [[x0, y0], , [x2, y2], , [x4, y4]] = line as [number[], number[], number[], number[], number[]];
  expect(x2! - x0!).toBeCloseTo((x4! - x0!) / 2, 0);
  expect(y2! - y0!).toBeCloseTo((y4! - y0!) / 2, 0);
  expect(y4!).toBeGreaterThan(y0!);
});

test('a picture is the same text each time, and two can stand in one page', () => {
  const first = cosine(1e-3, 100).plot();
  const other = cosine(1e-2, 100).plot();
  expect(cosine(1e-3, 100).plot()).toBe(first);
  const [clip] = /id="[^"]*"/.exec(first)!;
  expect(other).toContain('id="');
  expect(other).not.toContain(clip);
  expect(first).not.toMatch(/class=|<style|zr\d/);
});

test('several schedules have a legend, and lines of their own', () => {
  const svg = plot.schedule({ line: linear(1, 0, 10), stairs: step(1, 5) }, { steps: 10, title: 'Two', of: 'momentum', width: 500, height: 300 });
  expect(svg).toContain('width="500" height="300"');
  expect(texts(svg)).toEqual(expect.arrayContaining(['Two', 'line', 'stairs', 'momentum']));
  expect(corners(svg, BLUE)).not.toEqual(corners(svg, ORANGE));
});

test('rates over three powers of ten have a logarithmic axis, on which a decay is straight', () => {
  const svg = exponential(1, 0.1).plot({ steps: 4 });
  expect(texts(svg)).toEqual(expect.arrayContaining(['1', '0.1', '0.01', '0.001', '0.0001']));
  const ys = corners(svg, BLUE).map(([, y]) => y!);
  const steps = ys.slice(1).map((y, i) => y - ys[i]!);
  for (const gap of steps) expect(gap).toBeCloseTo(steps[0]!, 0);
});

test('a schedule without end asks for steps; a rate that is not known beforehand cannot be drawn', () => {
  const forever = '[plot.schedule] steps: this schedule never ends. Pass how many steps to draw: { steps: 1000 }.';
  expect(() => step(0.1, 10).plot()).toThrow(forever);
  expect(() => plot.schedule((at) => 1 / (at + 1))).toThrow(forever);
  expect(() => constant(0.1).plot({ steps: 0.5 })).toThrow('[plot.schedule] steps: got 0.5, expected an integer of at least 1.');
  expect(() => plot.schedule({})).toThrow('[plot.schedule] got no schedules, expected a function of the step, or several by name.');
  expect(() => cosine(1, 10).plot({ width: 10 })).toThrow('[plot] width: got 10, expected whole pixels, at least 200.');
  expect(reduceOnPlateau(0.1)).not.toHaveProperty('plot');
});

const record = (epoch: number, loss: number, held?: number) => ({
  epoch, steps: 1, examples: 1, seconds: 1, examplesPerSecond: 1, loss, accuracy: 1 - loss, ...(held === undefined ? {} : { validation: { loss: held, accuracy: 0.5 } }),
});

test('learning curves: a panel for the loss and one for each metric, training beside validation, the best epoch marked', () => {
  const history: train.EpochRecord<metrics.Metric<'accuracy'>>[] = [record(0, 1, 0.9), record(1, 0.5, 0.4), record(2, 0.25, 0.6)];
  const svg = plot.learningCurves(history);
  expect(texts(svg)).toEqual(expect.arrayContaining(['Learning curves', 'training', 'validation', 'epoch', 'loss', 'accuracy', 'lowest validation loss: epoch 2']));
  expect(texts(svg)).not.toContain('examplesPerSecond');
  expect(texts(plot.learningCurves([record(0, 1)]))).not.toContain('validation');
  expect(() => plot.learningCurves([])).toThrow('[plot.learningCurves] got no epochs, expected what fit() resolved with, or trainer.history, after at least one.');
});

test('values that are not finite are gaps; one that is not positive makes a logarithmic axis linear', () => {
  const panel = (ys: readonly number[]) => draw({ title: 'T', panels: [{ x: { name: 'x' }, y: { name: 'y', scale: 'log' }, lines: [{ name: 'a', points: ys.map((y, x) => [x, y] as const) }] }] });
  expect(corners(panel([1, NaN, 100, 10]), BLUE).length).toBeLessThan(4);
  expect(texts(panel([1, Infinity, 1000]))).toEqual(expect.arrayContaining(['1', '10', '100', '1000']));
  expect(texts(panel([0, 1000]))).not.toContain('10');
});

test('a name with what XML gives a meaning stays a name', () => {
  expect(plot.schedule({ 'a < b & "c"': constant(1) }, { steps: 2 })).toContain('a &lt; b &amp; &quot;c&quot;');
});

test('without echarts, the error says what to install', () => {
  const absent = () => {
    throw Object.assign(new Error("Cannot find module 'echarts'"), { code: 'MODULE_NOT_FOUND' });
  };
  const error = (() => {
    try {
      return charts(absent);
    } catch (thrown) {
      return thrown as AnnealError;
    }
  })();
  expect(error).toMatchObject({ code: 'ANNEAL_OPTIONAL_MISSING', message: '[plot] pictures are drawn by echarts, which is not installed. Install it beside anneal: npm install echarts.' });
});
