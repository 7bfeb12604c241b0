// Measures what bench/recompute.ts prints: steps with recomputation and without, in turns.
import { losses, nn, optim, seed, tensor } from 'anneal';
import { engine } from '../src/graph/engine.js';
import { serve } from './peer.js';
import { median } from './statistics.js';

/** A GPT, whose blocks are kept or computed again. */
interface Network {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly context: number;
  readonly batchSize: number;
  readonly vocabulary: number;
}

type Way = 'kept' | 'again';

/** A step: its time, and that of all processors in it. */
interface Step {
  readonly ms: number;
  readonly cpuMs: number;
  readonly bytes: number;
  readonly loss: number;
}

function stepOf({ layers, heads, width, context, batchSize, vocabulary }: Network, way: Way): () => Promise<Step> {
  seed(0);
  const blocks = Array.from({ length: layers }, () => nn.transformerEncoderLayer(width, heads, { dimFeedforward: 4 * width, activation: 'gelu', normFirst: true, isCausal: true, bias: false, dropout: 0.1 }));
  const inner = way === 'kept' ? blocks : blocks.map((block) => nn.recompute(block));
  const model = nn.sequential([context], [nn.embedding(vocabulary, width), nn.learnedPositions(context, width), ...inner, nn.layerNorm(width), nn.linear(width, vocabulary)] as never);
  const optimizer = optim.adamw(model.parameters(), { lr: 1e-3 });
  const tokens = tensor(Int32Array.from({ length: batchSize * context }, (_, i) => (i * 7919) % vocabulary), { shape: [batchSize, context] });
  return async () => {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    const loss = losses.crossEntropy(model.forward(tokens as never) as never, tokens);
    optimizer.zeroGrad();
    loss.backward();
    const steps = engine().steps(optimizer, {});
    await steps.done;
    const { user, system } = process.cpuUsage(cpu);
    return { ms: performance.now() - start, cpuMs: (user + system) / 1000, bytes: steps.temporaryBytes, loss: await loss.item() };
  };
}

await serve(async ({ network, rounds }: { readonly network: Network; readonly rounds: number }) => {
  const ways: readonly Way[] = ['kept', 'again'];
  const stepsOf = ways.map((way) => stepOf(network, way));
  const results = ways.map((): Step[] => []);
  for (let round = 0; round <= rounds; round++) for (const [i, step] of stepsOf.entries()) results[i]!.push(await step());
  const [kept, again] = results.map((steps) => steps.at(-1)!.loss);
  if (kept !== again) throw new Error(`losses differ: ${kept}, ${again}`);
  const figures = results.map((steps) => {
    // The first step makes the plan.
    const [times, cpu] = [steps.slice(1).map(({ ms }) => ms), steps.slice(1).map(({ cpuMs }) => cpuMs)];
    return { bytes: steps[0]!.bytes, medianMs: median(times), minMs: Math.min(...times), minCpuMs: Math.min(...cpu) };
  });
  return Object.fromEntries(ways.map((way, i) => [way, figures[i]!]));
});
