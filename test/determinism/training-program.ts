// Writes a training program as a file for build/*/replay: 50 steps of Adam on a network with every kind of kernel that a
// step here uses. Usage: tsx test/determinism/training-program.ts <file>
import { writeFileSync } from 'node:fs';
import { engine } from '../../src/graph/engine.js';
import * as losses from '../../src/losses/index.js';
import * as nn from '../../src/nn/index.js';
import { tensor } from '../../src/ops/index.js';
import * as optim from '../../src/optim/index.js';
import { seed } from '../../src/random.js';
import type { PlannedEngine } from '../../src/runtime/engine.js';
import '../../src/runtime/index.js';

/** A network with wide, narrow and odd layers, every activation, dropout, and its loss on one batch. */
export function trainingStep(): { optimizer: optim.Optimizer; record: () => void; model: nn.Module } {
  seed(3);
  const model = nn.sequential(
    [97],
    nn.linear(97, 130),
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
  const batch = 70;
  const x = tensor(Float32Array.from({ length: batch * 97 }, (_, i) => ((i * 7919) % 1009) / 504 - 1), { shape: [batch, 97] });
  const labels = tensor(Int32Array.from({ length: batch }, (_, i) => (i * 31) % 10), { shape: [batch] });
  const optimizer = optim.adam(model.parameters(), { lr: (step) => 0.01 / (1 + step), weightDecay: 0.01 });
  const record = (): void => losses.crossEntropy(model.forward(x as never) as never, labels as never).backward();
  return { optimizer, record, model };
}

if (process.argv[2] !== undefined && import.meta.url.endsWith('training-program.ts') && process.argv[1]?.endsWith('training-program.ts')) {
  const { optimizer, record } = trainingStep();
  record();
  writeFileSync(process.argv[2], await (engine() as PlannedEngine).capture(optimizer, 50));
}
