// batchNorm1d against PyTorch's numbers: values, gradients and running statistics of three training batches, then evaluation.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { grad, mul, nn, sum, tensor, type Tensor } from 'anneal';

interface Step {
  readonly x: number[];
  readonly w: number[];
  readonly y: number[];
  readonly grads: number[][];
  readonly runningMean: number[] | null;
  readonly runningVar: number[] | null;
  readonly batches: number | null;
}

interface Case {
  readonly name: string;
  readonly momentum: number | null;
  readonly eps: number;
  readonly affine: boolean;
  readonly track: boolean;
  readonly shape: number[];
  readonly weight?: number[];
  readonly bias?: number[];
  readonly steps: Step[];
  readonly evaluation: { readonly x: number[]; readonly y: number[] };
}

const { cases } = JSON.parse(readFileSync(new URL('batch-norm.json', import.meta.url), 'utf8')) as { cases: Case[] };

function expectClose(got: ArrayLike<number>, expected: readonly number[], tolerance = 2e-5): void {
  expect(got.length).toBe(expected.length);
  expected.forEach((value, i) => expect(Math.abs(got[i]! - value), `element ${i}: ${got[i]}, torch ${value}`).toBeLessThan(tolerance * Math.max(1, Math.abs(value))));
}

describe('batchNorm1d', () => {
  test.each(cases.map((row) => [row.name, row] as const))('%s', async (_name, row) => {
    const layer = nn.batchNorm1d(row.shape[1]!, { momentum: row.momentum, eps: row.eps, affine: row.affine, trackRunningStats: row.track });
    if (row.affine) await layer.loadStateDict({ weight: Float32Array.from(row.weight!), bias: Float32Array.from(row.bias!) }, { strict: false });
    for (const step of row.steps) {
      const x = tensor(Float32Array.from(step.x), { shape: row.shape, requiresGrad: true }) as Tensor;
      const y = layer.forward(x);
      const wanted = [x, ...layer.parameters()] as Tensor[];
      const slopes = grad(sum(mul(y, tensor(Float32Array.from(step.w), { shape: row.shape }) as never)), wanted);
      expectClose(await y.data(), step.y);
      for (const [i, slope] of slopes.entries()) expectClose(await slope.data(), step.grads[i]!, 1e-4);
      if (!row.track) continue;
      expectClose(await layer.runningMean!.data(), step.runningMean!);
      expectClose(await layer.runningVar!.data(), step.runningVar!);
      expect([...(await layer.numBatchesTracked!.data())]).toEqual([step.batches]);
    }
    layer.eval();
    expectClose(await layer.forward(tensor(Float32Array.from(row.evaluation.x), { shape: row.shape }) as Tensor).data(), row.evaluation.y);
  });
});
