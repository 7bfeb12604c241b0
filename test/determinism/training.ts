// Trains for 50 steps and prints a hash of all weights: by the explicit loop, or by fit() with several steps
// in a call, or with one, in this thread or in a worker. A process of its own for each thread count.
// Usage: tsx training.ts loop|fit|stepwise numbers|images [worker]
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker } from 'node:worker_threads';
import { data, losses, metrics, nn, optim, seed, Trainer, type Tensor } from 'anneal';

const [how, task, where] = process.argv.slice(2);
const EXAMPLES = 500;
const FEATURES = 97;
const y = Int32Array.from({ length: EXAMPLES }, (_, i) => (i * 31) % 10);

/** Floats, and layers side by side. */
function numbers() {
  const x = Float32Array.from({ length: EXAMPLES * FEATURES }, (_, i) => ((i * 7919) % 1009) / 504 - 1);
  const model = nn.sequential(
    [FEATURES as number],
    nn.linear(FEATURES as number, 130),
    nn.relu(),
    nn.dropout(0.2),
    nn.linear(130, 66),
    nn.gelu(),
    nn.linear(66, 33),
    nn.tanh(),
    nn.linear(33, 17),
    nn.sigmoid(),
    nn.linear(17, 10),
  );
  return { train: data.fromArrays({ x, y, shape: [FEATURES] }), model };
}

/** Bytes of images, augmented and mixed. */
function images() {
  const { colorJitter, mixUp, randomAffine, randomCrop, randomErasing, randomHorizontalFlip } = data.transforms;
  const x = Uint8Array.from({ length: EXAMPLES * 3 * 12 * 12 }, (_, i) => (i * 7919) % 251);
  const all = data.fromArrays({ x, y, shape: [3, 12, 12], classes: 10, normalize: { mean: 0.5, std: 0.25 } });
  const chain = [randomCrop(12, { padding: 2 }), randomHorizontalFlip(), colorJitter({ contrast: 0.5, hue: 0.2 }), randomAffine(20, { interpolation: 'bilinear' }), randomErasing(), mixUp({ alpha: 0.3 })] as const;
  const model = nn.sequential([3, 12, 12], nn.conv2d(3, 8, 3, { padding: 1 }), nn.batchNorm2d(8), nn.relu(), nn.maxPool2d(2), nn.flatten(), nn.linear(288, 10));
  return { train: all.augment(...chain), model };
}

async function main(): Promise<void> {
  seed(3);
  const { train, model } = (task === 'images' ? images() : numbers()) as { readonly train: data.Dataset; readonly model: nn.Module };
  const optimizer = optim.adam(model.parameters(), { lr: optim.schedules.cosine(0.01, 50) });
  const loading = { batchSize: 54, shuffle: true, seed: 1, dropLast: false } as const;

  if (how !== 'loop') {
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy()] });
    const callbacks = how === 'fit' ? [] : [{ onStep: () => undefined }];
    await trainer.fit(train, { epochs: 5, ...loading, callbacks });
  } else {
    const loader = data.loader(train, loading);
    for (let epoch = 0; epoch < 5; epoch++)
      for await (const [inputs, labels] of loader) {
        const loss = losses.crossEntropy(model.forward(inputs) as Tensor, labels);
        optimizer.zeroGrad();
        loss.backward();
        await optimizer.step();
      }
  }

  const hash = createHash('sha256');
  for (const parameter of model.parameters()) hash.update(new Uint8Array((await parameter.data()).buffer));
  console.log(hash.digest('hex'));
}

if (where === 'worker' && isMainThread) new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2) });
else await main();
