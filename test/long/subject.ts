// A training whose state has a bit of everything, for processes that are killed; and what it leaves, as a hash.
import { createHash } from 'node:crypto';
import { data, losses, metrics, nn, optim, seed, train, Trainer } from 'anneal';

const EXAMPLES = 1280;
const x = Float32Array.from({ length: 2 * EXAMPLES }, (_, i) => Math.sin(i * 12.9898) * 2);
const y = Int32Array.from({ length: EXAMPLES }, (_, i) => (x[2 * i]! * x[2 * i + 1]! > 0 ? 1 : 0));
const points = data.fromArrays({ x, y, shape: [2], classes: 2, weights: Float32Array.from(y, (label) => 1 + label) });

export interface Options {
  /** Undefined: no checkpoints at all. */
  readonly dir?: string | undefined;
  readonly epochs: number;
  readonly everySteps: number;
  /** Told the step with which training begins. */
  readonly begins?: (step: number) => void;
}

/** Trains from the latest checkpoint to the end, and returns a hash of everything that is left. */
export async function run({ dir, epochs, everySteps, begins }: Options): Promise<string> {
  seed(5);
  const model = nn.sequential([2], nn.linear(2, 64), nn.relu(), nn.dropout(0.1), nn.linear(64, 64), nn.tanh(), nn.linear(64, 2));
  const lr = optim.schedules.warmup(50, optim.schedules.cosine(3e-3, 40 * epochs));
  const optimizer = optim.adamw(model.parameters(), { lr, clip: { globalNorm: 1 }, average: optim.exponentialMovingAverage({ decay: 0.99 }) });
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy(), metrics.rocAuc()] });
  const telling: train.Callback = { onFitStart: () => begins?.(optimizer.steps) };
  await trainer.fit(points, {
    epochs,
    batchSize: 28,
    shuffle: true,
    validationSplit: 0.1,
    callbacks: [train.earlyStopping({ patience: epochs }), telling],
    ...(dir === undefined ? {} : { checkpoint: { dir, everySteps, everyEpochs: 3, keep: { last: 3, best: 'validation.loss' } }, resume: 'latest' }),
  });
  const hash = createHash('sha256');
  for (const [name, tensor] of [...trainer.stateDict()].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const values = typeof tensor.data === 'function' ? await tensor.data() : tensor.data;
    hash.update(name).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  const timeless = (name: string, value: unknown): unknown => (name === 'seconds' || name === 'examplesPerSecond' ? undefined : value);
  return hash.update(JSON.stringify(trainer.history, timeless)).digest('hex');
}
