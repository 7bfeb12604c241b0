import { optim, plot, train, type AnnealError, type metrics } from 'anneal';
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
  expect(texts(svg)).toEqual(expect.arrayContaining(['Learning curves', 'training', 'validation', 'epoch', 'loss', 'accuracy', 'lowest validation loss: epoch 1']));
  expect(texts(svg)).not.toContain('examplesPerSecond');
  expect(texts(plot.learningCurves([record(0, 1)]))).not.toContain('validation');
  expect(() => plot.learningCurves([])).toThrow('[plot.learningCurves] got no epochs, expected what fit() resolved with, or trainer.history, after at least one; or several of them by name.');
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

test('learning curves mark the epoch that early stopping has chosen, and not another one of lower loss', () => {
  const records = [0.9, 0.5, 0.4].map((loss, epoch) => record(epoch, loss, loss));
  expect(texts(plot.learningCurves(records))).toContain('lowest validation loss: epoch 2');
  expect(texts(plot.learningCurves(train.parseHistory(JSON.stringify({ format: 'anneal.history', version: 1, epochs: records, best: 1, stopped: null }))))).toContain('best epoch: 1');
});

test('several runs stand in one picture, a colour each', () => {
  const run = (factor: number) => [3, 2, 1].map((loss, epoch) => record(epoch, factor * loss, factor * loss + 1));
  const svg = plot.learningCurves({ adam: run(1), sgd: run(2) });
  expect(texts(svg)).toEqual(expect.arrayContaining(['adam', 'adam, training', 'sgd', 'sgd, training']));
  expect(corners(svg, BLUE)).toHaveLength(3);
  expect(corners(svg, ORANGE)).toHaveLength(3);
  expect(() => plot.learningCurves({ none: [] })).toThrow(/got no epochs/);
});

test('a schedule that only ends low has a linear axis: one-cycle', () => {
  const labels = texts(optim.schedules.oneCycle(0.1, 100).lr.plot());
  expect(labels).toEqual(expect.arrayContaining(['0.1', '0.02', '0']));
  expect(labels).not.toContain('0.0001');
});

test('a range test is cut above its dip, not scaled by the explosion behind it', () => {
  const svg = draw({ title: 'Cut', panels: [{ x: { name: 'x' }, y: { name: 'y', most: 3 }, lines: [{ name: 'line', points: [[0, 2], [1, 1], [2, 1e6]], dots: false }] }] });
  expect(texts(svg)).toContain('3');
  expect(texts(svg)).not.toContain('1e6');
  // It ends where it reaches the top, inside of the picture.
  const line = corners(svg, BLUE);
  expect(line).toHaveLength(3);
  expect(Math.min(...line.map(([, y]) => y!))).toBeGreaterThan(0);
});

test('a confusion matrix has its counts, its classes, and darker squares for greater shares of a row', () => {
  const svg = plot.confusionMatrix([[8, 2], [0, 1000]], { classes: ['cat', 'dog'] });
  expect(texts(svg)).toEqual(expect.arrayContaining(['cat', 'dog', '8', '2', '0', '1,000', 'predicted class', 'right class']));
  expect(texts(svg).join()).toContain('1,008 of 1,010 right (99.8 %)');
  const fills = [...svg.matchAll(/fill="rgb\((\d+),\d+,\d+\)"/g)].map(([, red]) => Number(red));
  const [eight, two, none, all] = fills as [number, number, number, number];
  expect([all < eight, eight < two, two < none]).toEqual([true, true, true]);
  expect(() => plot.confusionMatrix([[1, 2]])).toThrow(/as many rows of counts as columns/);
  expect(() => plot.confusionMatrix([[1]], { classes: ['a', 'b'] })).toThrow('[plot.confusionMatrix] classes: got 2 names for 1 classes');
});

test('long names of classes have room: beside the squares, and slanted below them, each of them', () => {
  const classes = ['WWWWWWWWWW', 'pullovers', 'trousers', 'sandal', 'sneaker', 'shirts', 'ankle boot', 'dress', 'coat', 'bag'];
  const svg = plot.confusionMatrix(classes.map((_, i) => classes.map((__, j) => Number(i === j))), { classes });
  for (const name of classes) expect(texts(svg).filter((text) => text === name), name).toHaveLength(2);
  const beside = [...svg.matchAll(/<text[^>]*text-anchor="end"[^>]*translate\(([\d.]+) [\d.]+\)"[^>]*>WWWWWWWWWW</g)].map(([, x]) => Number(x));
  // W is the widest letter: 10.9 of 11 pixels in DejaVu Sans.
  expect(Math.min(...beside)).toBeGreaterThan(109);
  expect(svg).toContain('matrix(0.707');
  const few = plot.confusionMatrix([[1, 0], [0, 1]], { classes: ['cat', 'dog'] });
  expect(few).not.toContain('matrix(0.707');
});

test('curves over scores have the areas of scikit-learn', () => {
  // roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) = 0.75, average_precision_score 0.8333: the examples of its documentation.
  const scored = { scores: [0.1, 0.4, 0.35, 0.8], labels: [0, 0, 1, 1] };
  expect(texts(plot.rocCurve(scored))).toContain('Area under the curve: 0.7500');
  expect(texts(plot.precisionRecallCurve(scored))).toContain('Average precision: 0.8333');
  // Equal scores are one threshold.
  expect(texts(plot.rocCurve({ scores: [1, 1, 1, 1], labels: [0, 1, 0, 1] }))).toContain('Area under the curve: 0.5000');
  expect(texts(plot.rocCurve({ one: scored, two: { scores: Float32Array.of(1, 0), labels: [true, false] } }))).toContain('Area under the curve: one 0.7500, two 1.0000');
  expect(() => plot.rocCurve({ scores: [1, NaN], labels: [0, 1] })).toThrow(/scores\[1\]: got NaN/);
  expect(() => plot.rocCurve({ scores: [1, 2], labels: [0, 2] })).toThrow(/labels\[1\]: got 2, expected 0 or 1/);
  expect(() => plot.rocCurve({ scores: [1, 2], labels: [1, 1] })).toThrow(/one class only/);
  expect(() => plot.precisionRecallCurve([1, 2] as never)).toThrow(/got no scores/);
});

test('predictions stand over true values, with what they miss', () => {
  const svg = plot.predictions(Float32Array.of(1, 2, 4), [1, 2, 3]);
  // sqrt(1/3), 1 - 1/2.
  expect(texts(svg)).toContain('Root mean squared error 0.5774, R² 0.5, 3 examples');
  expect(() => plot.predictions([], [])).toThrow(/got 0 predictions/);
});
