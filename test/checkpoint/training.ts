// Trainings that consist of everything that can have a state, and what they leave, to the last bit.
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { data, losses, metrics, nn, optim, type Parameter, seed, train, Trainer } from 'anneal';
import { bits, blobs } from '../train/classifier.js';

/** A directory in memory, where there is such: a test waits for the disk longer than for everything else. */
export const newDirectory = (): string => mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'anneal-checkpoint-'));

const points = blobs(72, 1);
const held = blobs(24, 2);

/** A training that can be begun again and again, each time as if in a new process. */
export interface Training {
  readonly trainer: Trainer;
  readonly data: data.Dataset<[2], [], 'int32'> | data.Loader<[2], [], 'int32'>;
  readonly options: train.FitOptions;
}

type Optimizing = (parameters: readonly Parameter[]) => optim.Optimizer;

function classifier(optimizing: Optimizing, dropout = 0.2): Trainer {
  seed(3);
  const model = nn.sequential([2], nn.linear(2, 8), nn.relu(), nn.dropout(dropout), nn.linear(8, 2));
  const all = [metrics.accuracy(), metrics.confusionMatrix(), metrics.rocAuc(), metrics.f1({ average: 'none' })] as const;
  return new Trainer(model, { loss: losses.crossEntropy, optimizer: optimizing(model.parameters()), metrics: all }) as unknown as Trainer;
}

const adam: Optimizing = (parameters) => optim.adam(parameters, { lr: 1e-2 });
const shuffled = { batchSize: 6, shuffle: true, seed: 5 };

/** Items of a stream. */
const item = (i: number): data.StreamItem<[2], []> => ({ x: [Math.sin(i), Math.cos(3 * i)], y: i % 2 });

const images = data
  .fromArrays({ x: Uint8Array.from({ length: 48 * 64 }, (_, i) => (i * 7919) % 251), y: Int32Array.from({ length: 48 }, (_, i) => i % 3), shape: [1, 8, 8], classes: 3 })
  .augment(data.transforms.randomCrop(8, { padding: 2 }), data.transforms.randomHorizontalFlip());

/** Trainings by what is special about them. Each has 12 steps an epoch, but where validation takes a share. */
export const TRAININGS: Readonly<Record<string, () => Training>> = {
  'shuffling, dropout and many steps in a call': () => ({ trainer: classifier(adam), data: points, options: { ...shuffled, validation: held } }),
  'a schedule, clipping and an average': () => ({
    trainer: classifier((parameters) => optim.adamw(parameters, { lr: optim.schedules.warmup(4, optim.schedules.cosine(1e-2, 40)), weightDecay: 0.01 })),
    data: points,
    options: { ...shuffled, clip: { globalNorm: 0.5 }, average: optim.exponentialMovingAverage({ decay: 0.9, warmup: true }) },
  }),
  'a plateau of the training loss': () => ({
    trainer: classifier((parameters) => optim.sgd(parameters, { lr: optim.schedules.reduceOnPlateau(0.5, { patience: 0, threshold: 0.5, monitor: 'loss' }), momentum: 0.9 })),
    data: points,
    options: { ...shuffled, validation: held },
  }),
  'a plateau of the validation loss': () => ({
    trainer: classifier((parameters) => optim.sgd(parameters, { lr: optim.schedules.reduceOnPlateau(0.5, { patience: 0, threshold: 0.9 }) })),
    data: points,
    options: { ...shuffled, validationSplit: 0.25 },
  }),
  'a rate that a callback assigns': () => {
    const trainer = classifier((parameters) => optim.sgd(parameters, { lr: 0.5, momentum: 0.9 }));
    return { trainer, data: points, options: { ...shuffled, callbacks: { onEpochEnd: () => void (trainer.optimizer.lr *= 0.5) } } };
  },
  'accumulation and class weights': () => ({ trainer: classifier(adam), data: points, options: { ...shuffled, batchSize: 2, accumulate: 3, classWeights: [1, 3] } }),
  'weights of examples': () => ({ trainer: classifier(adam), data: blobs(72, 1, Array.from({ length: 72 }, (_, i) => (i % 5) / 2)), options: shuffled }),
  'early stopping': () => ({
    trainer: classifier((parameters) => optim.sgd(parameters, { lr: 2 })),
    data: points,
    options: { ...shuffled, validation: held, callbacks: train.earlyStopping({ patience: 2, minDelta: 0.05 }) },
  }),
  'layers that are looked into': () => ({ trainer: classifier(adam), data: points, options: { ...shuffled, inspect: { every: 5 } } }),
  'an optimizer of two groups, lookahead': () => ({
    trainer: classifier((parameters) => optim.adamw(parameters, { lr: 1e-2, groups: [{ match: /bias$/, weightDecay: 0 }], average: optim.lookahead({ every: 5 }) })),
    data: points,
    options: shuffled,
  }),
  'a stream that is read again': () => ({
    trainer: classifier(adam),
    data: data.loader(
      data.fromIterable(
        async function* () {
          for (let i = 0; i < 72; i++) yield item(i);
        },
        { shape: [2] },
      ),
      { batchSize: 6, prefetch: 2 },
    ) as never,
    options: {},
  }),
  'a seekable stream of ready batches, another one in each epoch': () => ({
    trainer: classifier(adam),
    data: data.loader(
      data.fromIterable(
        function* ({ epoch, first }) {
          for (let i = first; i < 12; i++) yield { x: Float32Array.from({ length: 12 }, (_, k) => Math.sin(epoch + 7 * i + k)), y: Int32Array.from({ length: 6 }, (_, k) => (i + k) % 2) };
        },
        { shape: [2], batches: true, seekable: true },
      ),
    ) as never,
    options: {},
  }),
  'augmented images and running statistics': () => {
    seed(3);
    const model = nn.sequential([1, 8, 8], nn.conv2d(1, 4, 3, { padding: 1 }), nn.batchNorm2d(4), nn.relu(), nn.flatten(), nn.linear(256, 3));
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters(), { lr: 1e-3 }) });
    return { trainer: trainer as unknown as Trainer, data: images as never, options: { batchSize: 4, shuffle: true, seed: 1 } };
  },
  'a regression, with metrics of pairs of sums': () => {
    seed(3);
    const model = nn.sequential([2], nn.linear(2, 8), nn.tanh(), nn.linear(8, 1));
    const trainer = new Trainer(model, { loss: losses.meanSquaredError, optimizer: optim.rmsprop(model.parameters()), metrics: [metrics.r2(), metrics.rootMeanSquaredError()] });
    const x = Float32Array.from({ length: 144 }, (_, i) => Math.sin(i * 1.7));
    const line = data.fromArrays({ x, y: Float32Array.from({ length: 72 }, (_, i) => 0.5 * x[2 * i]! - x[2 * i + 1]!), shape: [2], targetShape: [1] });
    return { trainer: trainer as unknown as Trainer, data: line as never, options: shuffled };
  },
};

/** Everything that a training leaves, as texts: weights, the optimizer's state, random streams and history without times. */
export async function traces({ trainer }: Training): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, tensor] of trainer.stateDict()) {
    const values = typeof tensor.data === 'function' ? await tensor.data() : tensor.data;
    found[name] = Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');
  }
  if (trainer.optimizer.average !== undefined) found['averages'] = JSON.stringify(await trainer.optimizer.withAverage(() => bits(trainer.model)));
  const timeless = (name: string, value: unknown): unknown => (name === 'seconds' || name === 'examplesPerSecond' ? undefined : value);
  found['history'] = JSON.stringify(trainer.history, timeless);
  found['kinds'] = trainer.history.map((record) => Object.values(record).map((value: unknown) => (value as object | undefined)?.constructor.name).join()).join(';');
  return found;
}
