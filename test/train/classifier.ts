import { data, losses, nn, optim, seed } from 'anneal';

/** Points around two centres, far enough apart that a line between them is right for nearly all. */
export function blobs(size: number, from: number, weights?: ArrayLike<number>) {
  let state = from;
  const next = (): number => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff;
  const y = Int32Array.from({ length: size }, (_, i) => i % 2);
  const x = Float32Array.from({ length: 2 * size }, (_, i) => (y[i >> 1] === 0 ? -1 : 1) + 2 * (next() - 0.5));
  return data.fromArrays({ x, y, shape: [2], classes: 2, name: 'blobs', ...(weights === undefined ? {} : { weights: Float32Array.from(weights) }) });
}

/** A model and its optimizer, always from the same seed. */
export function classifier({ dropout = 0.1 } = {}) {
  seed(3);
  const model = nn.sequential([2], nn.linear(2, 16), nn.relu(), nn.dropout(dropout), nn.linear(16, 2));
  return { model, optimizer: optim.adam(model.parameters(), { lr: optim.schedules.cosine(1e-2, 200) }) };
}

export async function explicitLoop(
  { model, optimizer }: ReturnType<typeof classifier>,
  train: ReturnType<typeof blobs>,
  { epochs, ...options }: { epochs: number; batchSize: number; shuffle: boolean; seed: number },
): Promise<void> {
  const loader = data.loader(train, options);
  for (let epoch = 0; epoch < epochs; epoch++)
    for await (const [inputs, labels] of loader) {
      const loss = losses.crossEntropy(model.forward(inputs), labels);
      optimizer.zeroGrad();
      loss.backward();
      await optimizer.step();
    }
}

/** All parameters, to the last bit. */
export async function bits(model: nn.Module): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, parameter] of model.stateDict()) {
    const { buffer } = await parameter.data();
    found[name] = Buffer.from(buffer).toString('hex');
  }
  return found;
}
