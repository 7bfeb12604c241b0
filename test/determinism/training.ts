// Trains for 50 steps and prints a hash of all weights and buffers: by the explicit loop, or by fit() with several steps
// in a call, or with one, in this thread or in a worker. A process of its own for each thread count.
// Usage: tsx training.ts loop|fit|stepwise task [worker]
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker } from 'node:worker_threads';
import { data, losses, metrics, nn, optim, seed, Trainer, type Tensor } from 'anneal';
import { lenet } from '../../examples/models/lenet.js';
import { mobilenetV2 } from '../../examples/models/mobilenet-v2.js';
import { resnet18 } from '../../examples/models/resnet.js';
import { smallResNet } from '../../examples/models/small-resnet.js';

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

type Image = readonly [channels: number, height: number, width: number];

/** Bytes of images, augmented and mixed. */
function images<S extends Image>(shape: S) {
  const { colorJitter, mixUp, randomAffine, randomCrop, randomErasing, randomHorizontalFlip } = data.transforms;
  const [channels, height, width] = shape;
  const x = Uint8Array.from({ length: EXAMPLES * channels * height * width }, (_, i) => (i * 7919) % 251);
  const all = data.fromArrays({ x, y, shape: [channels, height, width] as Image, classes: 10, normalize: { mean: 0.5, std: 0.25 } });
  const chain = [randomCrop([height, width], { padding: 2 }), randomHorizontalFlip(), colorJitter({ contrast: 0.5, hue: 0.2 }), randomAffine(20, { interpolation: 'bilinear' }), randomErasing(), mixUp({ alpha: 0.3 })] as const;
  return all.augment(...chain);
}

const tasks: Readonly<Record<string, () => { readonly train: unknown; readonly model: unknown }>> = {
  'numbers': numbers,
  'images': () => ({ train: images([3, 12, 12]), model: nn.sequential([3, 12, 12], nn.conv2d(3, 8, 3, { padding: 1 }), nn.batchNorm2d(8), nn.relu(), nn.maxPool2d(2), nn.flatten(), nn.linear(288, 10)) }),
  'lenet': () => ({ train: images([1, 28, 28]), model: lenet() }),
  'small-resnet': () => ({ train: images([3, 16, 16]), model: smallResNet([3, 16, 16], 10, { widths: [8, 16, 24] }) }),
  'resnet18': () => ({ train: images([3, 16, 16]), model: resnet18(10, { width: 8, small: true }) }),
  'mobilenet-v2': () => ({ train: images([3, 16, 16]), model: mobilenetV2(10) }),
};

async function main(): Promise<void> {
  seed(3);
  const { train, model } = tasks[task!]!() as { readonly train: data.Dataset; readonly model: nn.Module };
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
  for (const parameter of model.stateDict().values()) hash.update(new Uint8Array((await parameter.data()).buffer));
  console.log(hash.digest('hex'));
}

if (where === 'worker' && isMainThread) new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2) });
else await main();
