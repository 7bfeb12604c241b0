// Small additions to frozen weights: what trains, what is saved, and that merging them changes nothing.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { load, nn, optim, save, seed, tensor, type Tensor } from 'anneal';
import { expectClose } from '../parity/fixtures.js';

const numbers = (shape: readonly number[], key = 1): Tensor => tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.3 + key)), { shape });
const x = numbers([2, 5, 12]);

class Small extends nn.Module {
  readonly block = nn.transformerEncoderLayer(12, 3, { dimFeedforward: 16, dropout: 0, numKvHeads: 1 });
  readonly cross = nn.multiheadAttention(12, 2, { kdim: 12 });
  readonly headOf = nn.linear(12, 4);
  override forward(input: Tensor): Tensor {
    const encoded = this.block.forward(input);
    return this.headOf.forward(this.cross.forward(encoded, input) as Tensor) as Tensor;
  }
}
const small = (): Small => {
  seed(3);
  return new Small();
};

/** Trains the additions by some steps. */
async function trained(model: Small, steps = 3): Promise<void> {
  const optimizer = optim.sgd(model.parameters(), { lr: 0.5 });
  for (let step = 0; step < steps; step++) {
    model.forward(x).mul(numbers([2, 5, 4], 7)).sum().backward();
    await optimizer.step();
    optimizer.zeroGrad();
  }
}

test('nothing changes at first, and only the additions train', async () => {
  const [plain, model] = [small(), small()];
  await model.loadStateDict(plain.stateDict());
  const before = await plain.forward(x).data();
  const adapters = nn.lora(model, { rank: 2, alpha: 4 });
  expect(await model.forward(x).data()).toEqual(before);
  await trained(model);
  for (const [name, parameter] of plain.namedParameters()) expect(await model.namedParameters().get(name)!.data(), name).toEqual(await parameter.data());
  expect(await model.forward(x).data()).not.toEqual(before);
  expect(adapters.parameters().length).toBe(14);
  for (const parameter of adapters.parameters()) expect((await parameter.data()).some((value) => value !== 0)).toBe(true);
});

test('merged, the model gives the same, without additions', async () => {
  const model = small();
  const adapters = nn.lora(model, { rank: 2, alpha: 6 });
  await trained(model);
  const before = await model.forward(x).data();
  await adapters.merge();
  expectClose('outputs', await model.forward(x).data(), [...before], { relative: 1e-4, ofLargest: 1e-5 });
  expect([...model.stateDict().keys()]).toEqual([...small().stateDict().keys()]);
  expect(model.parameters().every(({ requiresGrad }) => !requiresGrad)).toBe(true);
});

test('the additions are saved alone, by PEFT’s names, and loaded into another model', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lora-'));
  const model = small();
  const adapters = nn.lora(model, { rank: 3, match: /selfAttn|headOf/ });
  await trained(model);
  await save(adapters, join(folder, 'a.safetensors'));
  const saved = await load(join(folder, 'a.safetensors'));
  expect([...saved].map(([name, { shape }]): [string, readonly number[]] => [name, shape]).toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual([
    ['base_model.model.block.self_attn.lora_A.weight', [3, 12]],
    ['base_model.model.block.self_attn.lora_B.weight', [20, 3]],
    ['base_model.model.block.self_attn.out_proj.lora_A.weight', [3, 12]],
    ['base_model.model.block.self_attn.out_proj.lora_B.weight', [12, 3]],
    ['base_model.model.head_of.lora_A.weight', [3, 12]],
    ['base_model.model.head_of.lora_B.weight', [4, 3]],
  ]);
  const other = small();
  // The cross attention and biases are of this model.
  await other.loadStateDict(Object.fromEntries([...model.stateDict()].filter(([name]) => !name.includes('lora'))));
  await nn.lora(other, { rank: 3, match: /selfAttn|headOf/ }).loadStateDict(saved);
  expect(await other.forward(x).data()).toEqual(await model.forward(x).data());
  await expect(nn.lora(small(), { rank: 2, match: 'headOf' }).loadStateDict(saved)).rejects.toThrow('[loadStateDict] the state is of another model');
  rmSync(folder, { recursive: true });
});

test('the sizes of alpha and rank are those of the paper', async () => {
  const layer = nn.linear(3, 2);
  const adapters = nn.lora(layer, { rank: 2, alpha: 8 });
  const before = await layer.forward(numbers([1, 3])).data();
  const [a, b] = [numbers([2, 3], 2), numbers([2, 2], 3)];
  const names = [...adapters.stateDict().keys()];
  await adapters.loadStateDict({ [names[0]!]: (await a.data()) as Float32Array, [names[1]!]: (await b.data()) as Float32Array });
  const added = await numbers([1, 3]).matmul(a.t() as never).matmul(b.t() as never).mul(4).data();
  expectClose('y', await layer.forward(numbers([1, 3])).data(), [...before].map((value, i) => value + added[i]!));
});

test('dropout stands in front of them, in training only', async () => {
  const model = small();
  nn.lora(model, { rank: 2, dropout: 0.5 });
  await trained(model);
  expect(await model.forward(x).data()).not.toEqual(await model.forward(x).data());
  model.eval();
  expect(await model.forward(x).data()).toEqual(await model.forward(x).data());
});

class Tied extends nn.Module {
  readonly embedding = nn.embedding(5, 3);
  readonly head = nn.linear(3, 5, { weight: this.embedding.weight });
  override forward(tokens: Tensor): Tensor {
    return this.head.forward(this.embedding.forward(tokens as never) as Tensor) as Tensor;
  }
}

test.each<[() => unknown, string]>([
  [() => nn.lora(small(), {} as never), '[lora] rank: got undefined, expected a whole number of at least 1.'],
  [() => nn.lora(small(), { rank: 2, alpha: NaN }), '[lora] alpha: got NaN, expected a number, such as 2 * rank.'],
  [() => nn.lora(small(), { rank: 2, match: /norm/ }), '[lora] match: got /norm/, which picks no weight of nn.linear or nn.multiheadAttention among'],
  [() => nn.lora(small(), { rank: 2, match: 3 as never }), "[lora] match: got 3, expected the beginning of names, as in 'blocks.0', or a RegExp."],
  [() => nn.lora(small(), { rank: 2, r: 2 } as never), '[lora] unknown option: got r, expected one of rank, alpha, match, dropout.'],
  [() => nn.lora({} as never, { rank: 2 }), '[lora] model: got'],
  [() => nn.lora(new Tied(), { rank: 2 }), '[lora] match: got all weights, which picks embedding.weight, that layers share: merged, the addition would change all of them. Leave it out of match.'],
  [() => {
    const model = small();
    nn.lora(model, { rank: 2, match: 'headOf' });
    nn.lora(model, { rank: 2 });
  }, '[lora] headOf.weight has an addition already. Call merge() of what lora() gave.'],
])('%#', (call, message) => expect(call).toThrow(message));
