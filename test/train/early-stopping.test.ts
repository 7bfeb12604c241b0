// Early stopping: which epoch was best, when it ends, and with which weights; the history that says so.
import { describe, expect, test } from 'vitest';
import { losses, nn, optim, plot, seed, train, Trainer, type metrics, type Tensor } from 'anneal';
import { bits, blobs } from './classifier.js';
import { fails, refuses } from '../nn/fails.js';

const points = blobs(40, 1);

/** A trainer whose metric `score` is what it is told for each epoch; its weights change with every step. */
function scripted(scores: readonly number[], mode?: 'min' | 'max') {
  seed(3);
  const model = nn.sequential([2], nn.linear(2, 4), nn.relu(), nn.linear(4, 2));
  let epoch = -1;
  const score: metrics.Metric<'score'> = {
    name: 'score',
    ...(mode === undefined ? {} : { mode }),
    measure: (outputs: Tensor) => ({ sum: outputs.sum(), count: 1 }),
    accumulator: () => ({ add: () => undefined, result: () => scores[epoch]! }),
  };
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }), metrics: [score] });
  const left: Record<string, string>[] = [];
  const watch: train.Callback = { onEpochStart: (event) => void (epoch = event.epoch), onEpochEnd: async () => void left.push(await bits(model)) };
  const fit = (options: train.EarlyStoppingOptions, epochs = scores.length) =>
    trainer.fit(points, { epochs, batchSize: 20, callbacks: [watch, train.earlyStopping({ monitor: 'score', ...options })] });
  return { trainer, model, left, fit };
}

describe('earlyStopping', () => {
  // The epoch that is best, and how many there are: keras.callbacks.EarlyStopping by its code.
  test.each([
    { name: 'no improvement, no patience', scores: [3, 2, 2, 1], options: {}, best: 1, epochs: 3 },
    { name: 'patience 1 is as 0', scores: [3, 2, 2, 1], options: { patience: 1 }, best: 1, epochs: 3 },
    { name: 'patience 2', scores: [3, 2, 2, 1, 5, 5, 0], options: { patience: 2 }, best: 3, epochs: 6 },
    { name: 'less by too little', scores: [3, 2.9, 2.4, 2.3, 2.2, 0], options: { patience: 2, minDelta: 0.5 }, best: 2, epochs: 5 },
    { name: 'more is better', scores: [1, 2, 1, 1, 9], options: { mode: 'max', patience: 2 }, best: 1, epochs: 4 },
    { name: 'the first epoch never ends it', scores: [NaN, NaN, 1], options: {}, best: 0, epochs: 2 },
    { name: 'NaN is no improvement', scores: [2, NaN, 1, 3], options: { patience: 2 }, best: 2, epochs: 4 },
    { name: 'anything is better than NaN', scores: [NaN, 9, 8], options: { patience: 2 }, best: 2, epochs: 3 },
  ] as const)('$name', async ({ scores, options, best, epochs }) => {
    const { model, left, fit } = scripted(scores);
    const history = await fit({ mode: 'min', ...options });
    expect([history.length, history.best?.epoch]).toEqual([epochs, best]);
    expect(await bits(model)).toEqual(left[best]);
    expect(new Set(left.map((each) => JSON.stringify(each))).size).toBe(epochs);
  });

  test('says why it stopped; nothing where it did not', async () => {
    const stopped = await scripted([3, 2, 4, 5]).fit({ mode: 'min', patience: 2 });
    expect(stopped.stopped).toBe('score has not improved for 2 epochs: it was best in epoch 1 (from 0), with 2');
    const complete = await scripted([3, 2, 1]).fit({ mode: 'min', patience: 2 });
    expect([complete.stopped, complete.best?.score]).toEqual([undefined, 1]);
  });

  test('leaves the last weights where it is told to, and after an error', async () => {
    const kept = scripted([1, 2, 3]);
    await kept.fit({ mode: 'min', patience: 2, restoreBest: false });
    expect(await bits(kept.model)).toEqual(kept.left[2]);
    const failed = scripted([1, 2]);
    const fit = failed.trainer.fit(points, {
      epochs: 9,
      callbacks: [train.earlyStopping({ monitor: 'loss' }), { onEpochEnd: ({ epoch }) => (epoch === 0 ? undefined : Promise.reject(new Error('full disk'))) }],
    });
    await expect(fit).rejects.toThrow('full disk');
    expect(failed.trainer.history.length).toBe(2);
  });

  test('takes the direction from the metric, and of the loss it is known', async () => {
    expect((await scripted([1, 2, 1], 'max').fit({ patience: 2 })).best?.epoch).toBe(1);
    await fails(scripted([1, 2]).fit({}), 'ANNEAL_INVALID_ARGUMENT', /metric score does not say whether less of it is better/);
    const { trainer } = scripted([1, 2, 3]);
    const history = await trainer.fit(points, { epochs: 3, validation: points, callbacks: train.earlyStopping() });
    const held = history.map(({ validation }) => validation!.loss);
    expect(history.best!.epoch).toBe(held.indexOf(Math.min(...held)));
  });

  test('is ready for another fit', async () => {
    const { trainer } = scripted([3, 2, 4, 5]);
    const callbacks = [train.earlyStopping({ monitor: 'loss', patience: 3 })];
    const first = await trainer.fit(points, { epochs: 2, callbacks });
    const second = await trainer.fit(points, { epochs: 2, callbacks });
    expect([first, second].map(({ best, stopped }) => [best?.epoch, stopped])).toEqual([[1, undefined], [3, undefined]]);
  });

  test('refuses what is no option', async () => {
    refuses(() => train.earlyStopping({ patience: -1 }), 'ANNEAL_INVALID_ARGUMENT', /patience: got -1/);
    refuses(() => train.earlyStopping({ minDelta: NaN }), 'ANNEAL_INVALID_ARGUMENT', /minDelta: got NaN/);
    refuses(() => train.earlyStopping({ mode: 'less' as never }), 'ANNEAL_INVALID_ARGUMENT', /unknown mode: got 'less'/);
    refuses(() => train.earlyStopping({ patient: 1 } as never), 'ANNEAL_UNKNOWN_OPTION', /Did you mean patience/);
    await fails(scripted([1, 2]).fit({ monitor: 'validation.score' }), 'ANNEAL_INVALID_ARGUMENT', /\[train.earlyStopping\] monitor: got 'validation.score', expected one of loss, score\. Give fit\(\) validation data/);
  });
});

describe('history', () => {
  test('comes back from JSON as it was, with its end, and can be drawn', async () => {
    const { fit, trainer } = scripted([3, NaN, Infinity, 1]);
    const history = await fit({ mode: 'min', patience: 2 });
    expect(trainer.history).toBe(history);
    const text = JSON.stringify(history);
    expect(JSON.parse(text)).toMatchObject({ format: 'anneal.history', version: 1, best: 0, stopped: history.stopped, epochs: [{ epoch: 0, score: 3 }, { score: 'NaN' }, { score: 'Infinity' }] });
    const again = train.parseHistory(text);
    expect([...again]).toEqual([...history]);
    expect([again.best, again.stopped]).toEqual([history.best, history.stopped]);
    expect(JSON.stringify(again)).toBe(text);
    expect(plot.learningCurves(again)).toBe(plot.learningCurves(history));
    for (const wrong of ['', '[]', 'null', '{"format":"anneal.history","version":2,"epochs":[]}']) refuses(() => train.parseHistory(wrong), 'ANNEAL_FILE_FORMAT', /no history/);
  });

  test('is an array', async () => {
    const history = await scripted([1, 2]).fit({ mode: 'min', patience: 5 });
    const losses: number[] = history.map(({ loss }) => loss);
    expect(losses.constructor).toBe(Array);
    expect([history.length, history.at(-1)!.epoch, history.slice(1).length]).toEqual([2, 1, 1]);
  });

  test('does not change when training goes on', async () => {
    const { trainer } = scripted([1, 2, 3]);
    const seen: train.History[] = [];
    await trainer.fit(points, { epochs: 3, callbacks: { onEpochEnd: () => void seen.push(trainer.history) } });
    expect(seen.map(({ length }) => length)).toEqual([1, 2, 3]);
  });

  test('says why a callback has stopped it', async () => {
    const { trainer } = scripted([1, 2]);
    const stopping = (reason?: string) => trainer.fit(points, { epochs: 3, callbacks: { onEpochEnd: ({ stop }) => stop(reason) } });
    expect((await stopping('that will do')).stopped).toBe('that will do');
    expect((await stopping()).stopped).toBe('a callback asked for it');
  });
});
