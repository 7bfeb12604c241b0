import { expect, test } from 'vitest';
import { engine } from '../../src/graph/engine.js';
import { mean, nn, optim, tensor, type Tensor } from './imports.js';

const planned = process.env['ANNEAL_DEBUG'] !== '1';
const [B, H, LAYERS] = [2048, 16, 12];

test.skipIf(!planned)('gradients are computed from the last layer to the first, so that no gradient of an output waits for that of its weight', async () => {
  const layers = Array.from({ length: LAYERS }, () => nn.linear(H, H, { bias: false }));
  const optimizer = optim.sgd(layers.flatMap((layer) => layer.parameters()), { lr: 0.1 });
  nn.sequential([H], layers).parameters();
  const x: Tensor = tensor(new Float32Array(B * H).fill(1), { shape: [B, H] });
  (mean(layers.reduce<Tensor>((h, layer) => layer.forward(h as never) as Tensor, x).tanh()) as Tensor).backward();
  const run = engine().steps(optimizer, {});
  await run.done;
  // What goes into layers, the batch aside, with two gradients; were all gradients held, it would be twice as much.
  expect(run.temporaryBytes / (4 * B * H)).toBeLessThan(LAYERS - 1 + 1 + 2);
});
