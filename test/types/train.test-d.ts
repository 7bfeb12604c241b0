import { describe, expectTypeOf, it } from 'vitest';
import { data, loadModel, losses, metrics, nn, optim, Predictor, save, Trainer, train, type Shape, type Tensor } from 'anneal';

declare const size: number;
declare const digits: data.Dataset<[784], [], 'int32'>;
declare const small: data.Dataset<[64], [], 'int32'>;
declare const curve: data.Dataset<[784], [10], 'float32'>;
declare const untold: data.Dataset<number[], [], 'int32'>;
declare const folder: data.ImageFolder<[3, 32, 32]>;
declare const images: Tensor<[number, 784], 'float32'>;

const model = nn.sequential([784], nn.linear(784, 10));
const optimizer = optim.adam(model.parameters(), { lr: 1e-3 });
const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy()] });

describe('data', () => {
  it('has examples of the shape that the model takes, and targets that the loss takes', async () => {
    await trainer.fit(digits, { epochs: 5, batchSize: 128, shuffle: true, seed: 1, validation: digits });
    await trainer.fit(data.loader(digits, { batchSize: 128 }));
    await trainer.evaluate(digits);
    // @ts-expect-error the model takes examples of [784], but the data's are of [64]
    await trainer.fit(small);
    // @ts-expect-error the model takes examples of [784], but the data's are of [64]
    await trainer.fit(data.loader(small));
    // @ts-expect-error the model takes examples of [784], but the data's are of [64]
    await trainer.evaluate(small);
    // @ts-expect-error the model takes examples of [784], but the data's are of [3, 32, 32]
    await trainer.fit(folder);
    const painter = new Trainer(nn.sequential([3, 32, 32], nn.flatten(), nn.linear(3072, 10)), { loss: losses.crossEntropy, optimizer });
    await painter.fit(folder, { validation: data.loader(folder, { concurrency: 2 }) });
    await painter.evaluate(folder.subset([0]));
    // @ts-expect-error the loss takes int32 targets, but the data's are float32
    await new Trainer(model, { loss: losses.negativeLogLikelihood, optimizer }).fit(curve);
    // Probabilities, one for each class.
    await trainer.fit(curve);
    await new Trainer(model, { loss: losses.crossEntropy.with({ labelSmoothing: 0.1 }), optimizer }).fit(digits);
    // @ts-expect-error the loss takes float32 targets, but the data's are int32
    await new Trainer(model, { loss: losses.meanSquaredError, optimizer }).fit(digits);
    await new Trainer(model, { loss: losses.meanSquaredError, optimizer }).fit(curve);
  });

  it('is checked at the call where sizes are not known while compiling', async () => {
    await trainer.fit(untold);
    await trainer.fit(data.fromArrays({ x: new Float32Array(size), y: new Int32Array(1), shape: [size] }));
    const layers: nn.Module[] = [nn.linear(784, 10)];
    await new Trainer(nn.sequential([784], layers), { loss: losses.crossEntropy, optimizer }).fit(digits);
    class Custom extends nn.Module {
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    await new Trainer(new Custom(), { loss: losses.crossEntropy, optimizer }).fit(small);
  });

  it('may have any targets for a loss of one’s own', async () => {
    const own = (outputs: Tensor, targets: Tensor): Tensor => losses.meanSquaredError(outputs, targets.cast('float32'));
    const other = new Trainer(model, { loss: own, optimizer });
    await other.fit(digits);
    await other.fit(curve);
  });
});

describe('losses', () => {
  it('take the targets that they can use', () => {
    const logits = model.forward(images);
    expectTypeOf(losses.crossEntropy(logits, {} as Tensor<[number], 'int32'>)).toEqualTypeOf<Tensor<[], 'float32'>>();
    expectTypeOf(losses.crossEntropy(logits, {} as Tensor)).toEqualTypeOf<Tensor<[], 'float32'>>();
    expectTypeOf(losses.crossEntropy(logits, {} as Tensor<[number, 10], 'float32'>, { reduction: 'none' })).toEqualTypeOf<Tensor<Shape, 'float32'>>();
    // @ts-expect-error float32 targets of crossEntropy are probabilities, one for each logit: cast class indices to int32
    losses.crossEntropy(logits, {} as Tensor<[number], 'float32'>);
    // @ts-expect-error crossEntropy takes class indices (int32) or probabilities (float32), but these targets are uint8
    losses.crossEntropy(logits, {} as Tensor<[number], 'uint8'>);
    // @ts-expect-error [ctc] targets are int32, got float32
    losses.ctc({} as Tensor, {} as Tensor<[5, 4], 'float32'>, {} as Tensor, {} as Tensor);
    // @ts-expect-error options given beforehand are those of every batch: 'none' is no scalar
    losses.crossEntropy.with({ reduction: 'none' });
    // @ts-expect-error this loss takes float32 targets, but these are int32
    losses.meanSquaredError(logits, {} as Tensor<[number], 'int32'>);
    // @ts-expect-error there is no such reduction
    losses.crossEntropy(logits, {} as Tensor<[number], 'int32'>, { reduction: 'average' });
  });
});

describe('results', () => {
  it('have the metrics by name', async () => {
    const history = await trainer.fit(digits);
    expectTypeOf(history[0]!.accuracy).toEqualTypeOf<number>();
    expectTypeOf(history[0]!.validation!.loss).toEqualTypeOf<number>();
    const { loss, accuracy } = await trainer.evaluate(digits);
    expectTypeOf([loss, accuracy]).toEqualTypeOf<number[]>();
    // @ts-expect-error there is no such metric
    void history[0]!.precision;
    // @ts-expect-error without metrics there is only the loss
    void (await new Trainer(model, { loss: losses.crossEntropy, optimizer }).evaluate(digits)).accuracy;
  });

  it('have the type that each metric gives', async () => {
    const watched = new Trainer(model, {
      loss: losses.crossEntropy,
      optimizer,
      metrics: [metrics.confusionMatrix(), metrics.topK(5), metrics.f1({ average: 'macro' }), metrics.recall({ average: 'none', name: 'perClass' })],
    });
    const results = await watched.evaluate(digits);
    expectTypeOf(results.confusionMatrix).toEqualTypeOf<metrics.ConfusionMatrix>();
    expectTypeOf(results.top5).toEqualTypeOf<number>();
    expectTypeOf(results.f1).toEqualTypeOf<number>();
    expectTypeOf(results.perClass).toEqualTypeOf<readonly number[]>();
    // @ts-expect-error it has another name
    void results.recall;
    const [record] = await watched.fit(digits, { validation: digits, callbacks: { onStep: ({ results }) => void expectTypeOf(results.perClass).toEqualTypeOf<readonly number[]>() } });
    expectTypeOf(record!.validation!.confusionMatrix.at(0, 1)).toEqualTypeOf<number>();
    const own = { name: 'mine', measure: (outputs: Tensor) => ({ sum: outputs.sum(), count: 1 }) } as const;
    expectTypeOf((await new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [own] }).evaluate(digits)).mine).toEqualTypeOf<number>();
    // @ts-expect-error there is no such average
    metrics.f1({ average: 'mean' });
  });

  it('of predict have the shape that the model gives', async () => {
    expectTypeOf(await trainer.predict(images)).toEqualTypeOf<Tensor<[number, 10], 'float32'>>();
    await trainer.predict(digits);
    // @ts-expect-error the model takes examples of [784], but these are of [64]
    await trainer.predict({} as Tensor<[5, 64], 'float32'>);
    // @ts-expect-error the data's examples are of [64]
    await trainer.predict(small);
  });

  it('are what callbacks get', async () => {
    await trainer.fit(digits, { callbacks: [train.progress(), { onStep: ({ results }) => void expectTypeOf(results.accuracy).toEqualTypeOf<number>() }] });
    // @ts-expect-error there is no such event
    await trainer.fit(digits, { callbacks: { onBatch: () => undefined } });
    // @ts-expect-error there is no such option
    await trainer.fit(digits, { epoch: 5 });
  });
});

describe('events', () => {
  it('are told apart by their type', async () => {
    for await (const event of trainer.events(digits, { epochs: 2, validation: digits, passive: true })) {
      expectTypeOf(event.type).toEqualTypeOf<'fitStart' | 'epochStart' | 'step' | 'epochEnd' | 'fitEnd'>();
      if (event.type === 'step') expectTypeOf(event.results.accuracy).toEqualTypeOf<number>();
      if (event.type === 'epochEnd') expectTypeOf(event.record.validation!.accuracy).toEqualTypeOf<number>();
      if (event.type === 'fitEnd') expectTypeOf(event.history.best!.accuracy).toEqualTypeOf<number>();
      // @ts-expect-error not every event has a loss
      void event.loss;
    }
    // @ts-expect-error the model takes examples of [784], but the data's are of [64]
    trainer.events(small);
  });
});

describe('options of fit', () => {
  it('say what they take', async () => {
    await trainer.fit(digits, { accumulate: 4, classWeights: 'balanced', validationSplit: 0.1, callbacks: [train.earlyStopping({ monitor: 'accuracy' })] });
    await trainer.fit(digits, { classWeights: [1, 2, 3] });
    const history = await trainer.fit(digits, { inspect: { every: 10 }, clip: { globalNorm: 1 }, average: optim.exponentialMovingAverage() });
    expectTypeOf(history[0]!.layers).toEqualTypeOf<readonly train.LayerStatistics[] | undefined>();
    expectTypeOf(history.stopped).toEqualTypeOf<string | undefined>();
    expectTypeOf(trainer.summary({ batchSize: 8 }).memory.total).toEqualTypeOf<number>();
    // @ts-expect-error there is no such option
    await trainer.fit(digits, { inspect: { evry: 10 } });
    // @ts-expect-error there are no such class weights
    await trainer.fit(digits, { classWeights: 'even' });
    // @ts-expect-error there is no such mode
    train.earlyStopping({ mode: 'auto' });
    for await (const batch of data.loader(digits)) expectTypeOf(batch.weights).toEqualTypeOf<Tensor<[number], 'float32'> | undefined>();
  });
});

describe('a model in use', () => {
  it('answers by the kind of its target, and has the outputs of the model', async () => {
    const predictor = new Predictor(model, { classes: ['a', 'b'] });
    expectTypeOf(await predictor.predict(images)).toEqualTypeOf(await trainer.predict(images));
    expectTypeOf(await predictor.classify(digits)).toEqualTypeOf<train.ClassPrediction[]>();
    // @ts-expect-error the model takes examples of [784], but the data's are of [64]
    await predictor.predict(small);
    // @ts-expect-error there is no such option
    new Predictor(model, { labels: ['a', 'b'] });
    const classes = await loadModel('x', { target: 'category' });
    expectTypeOf(await classes.row({ age: 5 })).toEqualTypeOf<train.ClassPrediction>();
    const numbers = await loadModel('x', { target: 'number' });
    expectTypeOf((await numbers.row([1, 2])).value).toEqualTypeOf<number>();
    expectTypeOf(await (await loadModel('x')).row([1, 2])).toEqualTypeOf<train.RowPrediction>();
    const people = await data.table([{ age: 1, paid: 2 }], { numeric: ['age'], target: { paid: 'number' } });
    expectTypeOf(await new Predictor(nn.sequential([1], nn.linear(1, 1)), { pipeline: people.pipeline }).row({ age: 5 })).toEqualTypeOf<train.NumberPrediction>();
    await save(model, 'x', { pipeline: people.pipeline, temperature: 2, maxShardBytes: 5e9 });
    // @ts-expect-error a threshold is a number
    await save(model, 'x', { threshold: '0.5' });
  });
});

describe('checkpoints', () => {
  it('of fit have intervals, and what is kept', async () => {
    await trainer.fit(digits, { checkpoint: { dir: 'runs', everySteps: 10, everySeconds: 30, everyEpochs: 1, keep: { last: 3, best: 'validation.loss' } }, resume: 'latest' });
    await trainer.fit(digits, { checkpoint: { dir: new URL('file:///runs') }, resume: { from: new URL('file:///runs/one'), ignore: ['data', 'library', 'options'] } });
    // @ts-expect-error another model cannot be ignored
    await trainer.fit(digits, { resume: { from: 'latest', ignore: ['model'] } });
    // @ts-expect-error a directory is asked for
    await trainer.fit(digits, { checkpoint: { everySteps: 10 } });
  });

  it('of a loop have parts of any kind that knows its state', async () => {
    const checkpoint = new train.Checkpoints('runs');
    const lr = optim.schedules.reduceOnPlateau(0.1);
    const own = { stateDict: () => ({ count: 1 }), loadStateDict: (state: { readonly count: number }): void => void state };
    const parts = { model, trainer, optimizer, lr, own, loader: data.loader(digits), running: metrics.running([metrics.accuracy()]) };
    expectTypeOf(await checkpoint.save(parts, { step: 1, values: { any: [1, 'text'] } })).toEqualTypeOf<string>();
    expectTypeOf(await checkpoint.load(parts)).toEqualTypeOf<train.LoadedCheckpoint | undefined>();
    // @ts-expect-error a number has no state
    await checkpoint.save({ model, epoch: 3 }, { step: 1 });
    // @ts-expect-error a step is asked for
    await checkpoint.save({ model }, {});
  });

  it('ask callbacks and accumulators for what they remember', () => {
    const counting: train.Callback = { stateDict: () => ({ seen: 3 }), loadStateDict: ({ seen }) => void seen };
    const accumulator: metrics.Accumulator = { add: () => undefined, result: () => 1, stateDict: () => ({ sum: 1 }), loadStateDict: ({ sum }) => void sum };
    expectTypeOf(counting.stateDict).toEqualTypeOf<(() => object | Promise<object>) | undefined>();
    expectTypeOf(accumulator.result()).toEqualTypeOf<number>();
  });
});
