// Trains until somebody tells it to end: node signalled.mjs <directory> <mode> <epochs>.
import { data, losses, nn, optim, seed, Trainer } from 'anneal';

const [dir, mode, epochs] = process.argv.slice(2);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
seed(1);
const model = nn.sequential([2], nn.linear(2, 32), nn.relu(), nn.dropout(0.1), nn.linear(32, 2));
const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters()) });
const points = data.fromArrays({ x: Float32Array.from({ length: 400 }, (_, i) => Math.sin(i)), y: Int32Array.from({ length: 200 }, (_, i) => i % 2), shape: [2] });
const listeners = (): string => `listeners ${process.listenerCount('SIGTERM')} ${process.listenerCount('SIGINT')}`;
if (mode === 'own') process.on('SIGTERM', () => say('own listener'));
say(listeners());
if (mode === 'two') {
  const other = nn.sequential([2], nn.linear(2, 4), nn.relu(), nn.linear(4, 2));
  const second = new Trainer(other, { loss: losses.crossEntropy, optimizer: optim.sgd(other.parameters(), { lr: 0.1 }) });
  await new Promise<void>((begun) => {
    const callbacks = { passive: true, onFitStart: () => begun() };
    second.fit(points, { epochs: Number(epochs), batchSize: 10, shuffle: true, checkpoint: { dir: `${dir}-second`, everySteps: 10 ** 9 }, callbacks }).catch(() => say('second ended'));
  });
}
try {
  await trainer.fit(points, {
    epochs: Number(epochs),
    batchSize: 10,
    shuffle: true,
    checkpoint: { dir: dir!, everySteps: 10 ** 9 },
    resume: 'latest',
    callbacks: {
      passive: true,
      onFitStart: () => say(`begins ${trainer.optimizer.steps}`),
      onStep: ({ epoch, step }) => void (epoch === 0 && step === 3 && say(listeners())),
      onFitEnd: ({ error }) => (say(`ended ${(error as Error | undefined)?.message}`), mode === 'hang' ? new Promise(() => setInterval(() => undefined, 1000)) : undefined),
    },
  });
  say('done');
} catch (error) {
  say(`rejected ${(error as { code?: string }).code}`);
}
say(listeners());
