import { data, losses, nn, optim, random, Trainer } from 'anneal';
import { blobs } from '../train/classifier.js';

/** A model in the middle of its training, with everything that an experiment could disturb. */
export async function halfTrained() {
  const { model, optimizer } = subject();
  const train = blobs(64, 5);
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });
  await trainer.fit(train, { epochs: 2, batchSize: 8, shuffle: true, seed: 1 });
  const loader = data.loader(train, { batchSize: 8, shuffle: true, seed: 4 });
  for await (const batch of loader) if (batch !== undefined) break;
  model.eval();
  return { model, optimizer, train, trainer, loader };
}

export function subject() {
  const model = nn.sequential([2], nn.linear(2, 8), nn.relu(), nn.dropout(0.2), nn.linear(8, 2));
  const groups = [{ match: /bias$/, lr: 1e-4 }];
  return { model, optimizer: optim.adam(model.parameters(), { lr: optim.schedules.cosine(1e-2, 200), groups }) };
}

/** All of it, to the last bit, as one text. */
export async function everything({ model, optimizer, trainer, loader }: Awaited<ReturnType<typeof halfTrained>>): Promise<string> {
  const lines: string[] = [];
  for (const [name, { data: elements }] of trainer.stateDict()) {
    const values = typeof elements === 'function' ? await (trainer.stateDict().get(name) as { data(): Promise<Float32Array> }).data() : elements;
    lines.push(`${name} ${Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex')}`);
  }
  lines.push(JSON.stringify(random.stateDict()), JSON.stringify(loader.stateDict()), optimizer.groups.map(({ lr }) => String(lr)).join(), model.modules().map(({ training }) => training).join());
  return lines.join('\n');
}
