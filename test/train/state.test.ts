// A trainer's state: what is trained after a restart has the same bits as without one.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { data, load, losses, nn, optim, save, seed, Trainer } from 'anneal';
import { bits, blobs, classifier } from './classifier.js';
import { fails } from '../nn/fails.js';

const train = blobs(100, 1);
const loaderOf = () => data.loader(train, { batchSize: 32, shuffle: true, seed: 5 });
const trainerOf = ({ model, optimizer }: ReturnType<typeof classifier>) => new Trainer(model, { loss: losses.crossEntropy, optimizer });

test('training goes on from a file with the same bits, dropout and all', async () => {
  const whole = trainerOf(classifier({ dropout: 0.5 }));
  await whole.fit(loaderOf(), { epochs: 4 });

  const first = trainerOf(classifier({ dropout: 0.5 }));
  const loader = loaderOf();
  await first.fit(loader, { epochs: 2 });
  const folder = await mkdtemp(join(tmpdir(), 'anneal-'));
  const path = join(folder, 'checkpoint.safetensors');
  await save(first, path);
  const position = loader.stateDict();
  await first.fit(loader, { epochs: 1 });

  seed(99);
  const model = nn.sequential([2], nn.linear(2, 16), nn.relu(), nn.dropout(0.5), nn.linear(16, 2));
  const optimizer = optim.adam(model.parameters(), { lr: optim.schedules.cosine(1e-2, 200) });
  const second = new Trainer(model, { loss: losses.crossEntropy, optimizer });
  await second.loadStateDict(await load(path));
  await rm(folder, { recursive: true });
  const resumed = loaderOf();
  resumed.loadStateDict(position);
  await second.fit(resumed, { epochs: 2 });
  expect(await bits(model)).toEqual(await bits(whole.model));
});

test('a state that does not fit changes nothing', async () => {
  const trainer = trainerOf(classifier());
  await trainer.fit(train);
  const before = await bits(trainer.model);
  const state = trainer.stateDict();
  state.delete('optimizer.3.bias.expAvg');
  await fails(trainer.loadStateDict(state), 'ANNEAL_STATE_MISMATCH', /3.bias.expAvg/);
  await fails(trainer.loadStateDict(trainer.model.stateDict()), 'ANNEAL_STATE_MISMATCH', /lacks/);
  const other = trainer.stateDict();
  other.delete('random.seed');
  await fails(trainer.loadStateDict(other), 'ANNEAL_STATE_MISMATCH', /model.loadStateDict/);
  expect(await bits(trainer.model)).toEqual(before);
  expect(trainer.optimizer.steps).toBe(4);
  await trainer.loadStateDict(trainer.stateDict());
  expect(await bits(trainer.model)).toEqual(before);
});
