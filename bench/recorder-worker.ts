// One way to run a training loop: replay (plan once), record (a new plan on every step), or eager (op by op).
import { losses, nn, optim, seed, setThreads, tensor } from 'anneal';
import { loadNative } from '../src/runtime/binding.js';
import { EagerMode } from '../src/runtime/eager.js';
import { RuntimeEngine } from '../src/runtime/engine.js';
import { plannedMode, type Mode } from '../src/runtime/mode.js';
import type { Plan } from '../src/runtime/plan.js';
import { Programs } from '../src/runtime/programs.js';
import type { Request } from '../src/runtime/request.js';
import type { Tensor } from '../src/tensor.js';
import { serve } from './peer.js';

export type Way = 'replay' | 'replay, not fused' | 'record' | 'eager';

class Recording extends Programs {
  protected override plan(request: Request, nodes: readonly Tensor[]): Plan {
    return this.makePlan(request, nodes);
  }
}

const modes: Readonly<Record<Way, () => Mode>> = {
  replay: () => plannedMode(),
  'replay, not fused': () => plannedMode(undefined, new Programs({ fuse: false })),
  record: () => plannedMode(undefined, new Recording({})),
  eager: () => new EagerMode(loadNative().addon.info().target),
};

let step: (() => Promise<void>) | undefined;

await serve(async (message: { way: Way; sizes: readonly number[]; batch: number; threads: number } | { steps: number }) => {
  if ('way' in message) {
    const { way, sizes, batch, threads } = message;
    setThreads(threads);
    new RuntimeEngine(modes[way]()).install();
    seed(0);
    const layers = sizes.slice(1).flatMap((to, i) => [nn.linear(sizes[i]!, to), nn.relu()]);
    const model = nn.sequential([sizes[0]!], layers.slice(0, -1));
    const optimizer = optim.adam(model.parameters(), { lr: 1e-3 });
    const inputs = tensor(Float32Array.from({ length: batch * sizes[0]! }, Math.random), { shape: [batch, sizes[0]!] });
    const labels = tensor(Int32Array.from({ length: batch }, (_, i) => i % sizes.at(-1)!));
    step = async () => {
      const loss = losses.crossEntropy(model.forward(inputs), labels);
      optimizer.zeroGrad();
      loss.backward();
      await optimizer.step();
    };
    for (let i = 0; i < 20; i++) await step();
    return {};
  }
  const start = performance.now();
  for (let i = 0; i < message.steps; i++) await step!();
  return { stepsPerSecond: (message.steps / (performance.now() - start)) * 1000 };
});
