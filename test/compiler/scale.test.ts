// How long planning takes, and how deep a graph may be.
import { add, linear, nn, relu, sum, tanh, tensor, type Tensor } from 'anneal';
import { expect, test } from 'vitest';
import { compile } from '../../src/compiler/compile.js';
import { gradients } from '../../src/graph/autodiff.js';
import { withoutTracking } from '../../src/graph/recorder.js';
import { loadNative } from '../../src/runtime/binding.js';

type Cell = (h: Tensor, layer: nn.Linear) => Tensor;

const recurrent: Cell = (h, layer) => tanh(linear(h, layer.weight as Tensor, layer.bias) as Tensor);
const residual: Cell = (h, layer) => add(h, relu(linear(h, layer.weight as Tensor, layer.bias) as Tensor));

/** Plans a loss over so many cells and its gradients; returns milliseconds of CPU and the words. */
function plan(cell: Cell, cells: number): { readonly ms: number; readonly words: number } {
  const layer = nn.linear(8, 8);
  const parameters = layer.parameters();
  const { words, ms } = withoutTracking(() => {
    let h: Tensor = tensor(new Float32Array(32), { shape: [4, 8] });
    for (let i = 0; i < cells; i++) h = cell(h, layer as unknown as nn.Linear);
    const loss = sum(h);
    const start = process.cpuUsage();
    const wanted = [loss, ...gradients([loss], parameters).map((gradient) => gradient!)];
    const { program } = compile(wanted.map((tensor, index) => ({ tensor, destination: { to: 'view', index } })), [], loadNative(), { fuse: true, whole: true });
    const { user, system } = process.cpuUsage(start);
    return { words: program.words.length, ms: (user + system) / 1000 };
  }, true);
  return { words, ms };
}

test.each([['a recurrence', recurrent], ['a residual network', residual]] as const)(
  'planning %s takes a time that grows with its length, not with its square or cube',
  { timeout: 120_000 },
  (_, cell) => {
    plan(cell, 1000);
    const [short, long] = [Math.min(plan(cell, 1000).ms, plan(cell, 1000).ms), plan(cell, 5000).ms];
    // Five times as long. A square would be 25 times, a cube 125; the garbage collector and others have their share.
    expect(long / short).toBeLessThan(15);
  },
);

test('a graph of more than 100,000 nodes overflows no stack', { timeout: 120_000 }, () => {
  expect(plan(recurrent, 10_000).words).toBeGreaterThan(100_000);
});
