// Small additions to frozen weights: what trains, what is saved, and that merging them changes nothing.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
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

test('what is recorded while additions are merged has them once', async () => {
  const model = small();
  const adapters = nn.lora(model, { rank: 2, alpha: 6 });
  await trained(model);
  const before = await model.forward(x).data();
  let done = false;
  const merging = adapters.merge().then(() => void (done = true));
  const meanwhile: Promise<Float32Array>[] = [];
  while (!done) {
    meanwhile.push(model.forward(x).data() as Promise<Float32Array>);
    await Promise.resolve();
  }
  await merging;
  for (const outputs of await Promise.all(meanwhile)) expectClose('outputs', outputs, [...before], { relative: 1e-4, ofLargest: 1e-5 });
});

test('the additions are saved alone, by PEFT’s names, and loaded into another model', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lora-'));
  const model = small();
  const adapters = nn.lora(model, { rank: 3, match: /selfAttn|headOf/ });
  await trained(model);
  await save(adapters, join(folder, 'a.safetensors'));
  const saved = await load(join(folder, 'a.safetensors'));
  expect([...saved].map(([name, { shape }]): [string, readonly number[]] => [name, shape]).toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual([
    ['base_model.model.block.self_attn.base_layer.out_proj.lora_A.weight', [3, 12]],
    ['base_model.model.block.self_attn.base_layer.out_proj.lora_B.weight', [12, 3]],
    ['base_model.model.block.self_attn.lora_A.weight', [3, 12]],
    ['base_model.model.block.self_attn.lora_B.weight', [20, 3]],
    ['base_model.model.head_of.lora_A.weight', [3, 12]],
    ['base_model.model.head_of.lora_B.weight', [4, 3]],
  ]);
  const other = small();
  // The cross attention and biases are of this model.
  await other.loadStateDict(Object.fromEntries([...model.stateDict()].filter(([name]) => !name.includes('lora'))));
  await nn.lora(other, { rank: 3, match: /selfAttn|headOf/ }).loadStateDict(saved);
  expect(await other.forward(x).data()).toEqual(await model.forward(x).data());
  await expect(nn.lora(small(), { rank: 3, match: 'headOf' }).loadStateDict(saved)).rejects.toThrow("[loadStateDict] the additions are to other layers: it has 'base_model.model.block.self_attn.base_layer.out_proj.lora_A.weight',");
  await expect(nn.lora(small(), { rank: 2, match: /selfAttn|headOf/ }).loadStateDict(saved)).rejects.toThrow(
    "[loadStateDict] 'base_model.model.block.self_attn.lora_A.weight' does not fit: got additions of rank 3, expected 2. Make them so: nn.lora(model, { rank: 3, alpha }), or read what they are from PEFT's folder: loadLora(model, folder).",
  );
  rmSync(folder, { recursive: true });
});

test('additions to a layer of another size are not taken for those of another rank', async () => {
  const saved = nn.lora(nn.sequential([8], nn.linear(8, 6)), { rank: 2 }).stateDict();
  const into = (inputs: number, outputs: number): Promise<void> => nn.lora(nn.sequential([inputs], nn.linear(inputs, outputs)), { rank: 2 }).loadStateDict(saved);
  await expect(into(4, 6)).rejects.toThrow("[loadStateDict] 'base_model.model.0.lora_A.weight' does not fit: got float32 [2,8], expected float32 [2,4].");
  await expect(into(8, 5)).rejects.toThrow("[loadStateDict] 'base_model.model.0.lora_B.weight' does not fit: got float32 [6,2], expected float32 [5,2].");
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

test.each([[false, 8 / 4], [true, 8 / 2]])('with useRslora %s they are multiplied by %d', async (useRslora, scale) => {
  const layer = nn.linear(3, 2, { bias: false });
  const adapters = nn.lora(layer, { rank: 4, alpha: 8, useRslora });
  const values = [numbers([4, 3], 2), numbers([2, 4], 3)] as const;
  await adapters.loadStateDict(new Map([...adapters.stateDict().keys()].map((name, i) => [name, values[i]!])));
  const product = await values[1].matmul(values[0] as never).mul(scale).add(layer.weight as never).data();
  await adapters.merge();
  expectClose('weight', await layer.weight.data(), [...product]);
  await expect(adapters.merge()).rejects.toThrow('[lora] the additions are in the weights already: got merge() again, expected one call.');
  await expect(adapters.loadStateDict(adapters.stateDict())).rejects.toThrow('[loadStateDict] the additions are in the weights already: got others after merge(), expected them before.');
});

class Bags extends nn.Module {
  readonly tokens = nn.embedding(7, 6, { paddingIdx: 2 });
  readonly head = nn.linear(6, 3);
  override forward(x: Tensor): Tensor {
    return this.head.forward(this.tokens.forward(x as never) as Tensor) as Tensor;
  }
}

test('a table of embeddings gets one where it is picked', async () => {
  seed(5);
  const model = new Bags();
  const tokens = tensor([[1, 2, 1], [6, 0, 2]], { dtype: 'int32' });
  const before = await model.forward(tokens).data();
  const adapters = nn.lora(model, { rank: 2, alpha: 6, match: 'tokens' });
  expect([...adapters.stateDict()].map(([name, { shape }]) => [name, shape])).toEqual([['base_model.model.tokens.lora_embedding_A', [2, 7]], ['base_model.model.tokens.lora_embedding_B', [6, 2]]]);
  expect(await model.forward(tokens).data()).toEqual(before);
  const optimizer = optim.sgd(model.parameters(), { lr: 0.5 });
  for (let step = 0; step < 3; step++) {
    model.forward(tokens).mul(numbers([2, 3, 3], 7)).sum().backward();
    await optimizer.step();
    optimizer.zeroGrad();
  }
  const [a] = adapters.parameters();
  const columns = await a!.t().data();
  // Tokens 3 to 5 are not there, and 2 is the padding: neither has a gradient.
  for (let token = 0; token < 7; token++) expect(columns.subarray(2 * token, 2 * token + 2).every((value) => value === 0), `token ${token}`).toBe([2, 3, 4, 5].includes(token));
  const trained = await model.forward(tokens).data();
  expect(trained).not.toEqual(before);
  await adapters.merge();
  expectClose('outputs', await model.forward(tokens).data(), [...trained], { relative: 1e-5, ofLargest: 1e-6 });
  expect([...model.stateDict().keys()]).toEqual(['tokens.weight', 'head.weight', 'head.bias']);
});

test('without match, embeddings have none', () => {
  expect([...nn.lora(new Bags(), { rank: 2 }).stateDict().keys()]).toEqual(['base_model.model.head.lora_A.weight', 'base_model.model.head.lora_B.weight']);
});

test('an optimizer that was made before says so', async () => {
  const model = small();
  const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
  nn.lora(model, { rank: 2 });
  model.forward(x).sum().backward();
  await expect(optimizer.step()).rejects.toThrow('All of them are frozen: set requiresGrad of those that are to be trained; parameters that came later, as by nn.lora(), are in an optimizer that is made after them.');
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

test('weights that layers share have none, unless they are asked for', () => {
  class Longer extends Tied {
    readonly hidden = nn.linear(3, 3);
  }
  expect([...nn.lora(new Longer(), { rank: 2 }).stateDict().keys()]).toEqual(['base_model.model.hidden.lora_A.weight', 'base_model.model.hidden.lora_B.weight']);
  expect(() => nn.lora(new Tied(), { rank: 2 })).toThrow("[lora] match: got none, which picks no weight of nn.linear or nn.multiheadAttention that no other layer shares among ['embedding.weight', 'head.bias'].");
});

test('console.log() shows what there is', () => {
  expect(inspect(nn.lora(small(), { rank: 2, alpha: 4, match: 'headOf' }), { breakLength: Infinity })).toBe("Lora { rank: 2, alpha: 4, parameters: 32, weights: [ 'headOf.weight' ], merged: false }");
});

test.each<[() => unknown, string]>([
  [() => nn.lora(small(), {} as never), '[lora] rank: got undefined, expected a whole number of at least 1.'],
  [() => nn.lora(small(), { rank: 2, alpha: NaN }), '[lora] alpha: got NaN, expected a number, such as 2 * rank.'],
  [() => nn.lora(small(), { rank: 2, match: /norm/ }), '[lora] match: got /norm/, which picks no weight of nn.linear, nn.multiheadAttention or nn.embedding among'],
  [() => nn.lora(small(), { rank: 2, match: 3 as never }), "[lora] match: got 3, expected the beginning of names, as in 'blocks.0', or a RegExp, as in /qProj|vProj/."],
  [() => nn.lora(small(), { rank: 2, r: 2 } as never), '[lora] unknown option: got r, expected one of rank, alpha, useRslora, match, dropout. Did you mean rank?'],
  [() => nn.lora(small(), { rank: 2, match: 'head' }), "[lora] match: got 'head', which picks no weight"],
  [() => nn.lora(small(), { rank: 2, useRslora: 1 as never }), '[lora] useRslora: got 1, expected true or false.'],
  [() => nn.lora(small(), { rank: 2, lora_alpha: 4 } as never), 'Did you mean alpha?'],
  [() => nn.lora(small(), { rank: 2, target_modules: ['headOf'] } as never), 'Did you mean match?'],
  [() => nn.lora(small(), { rank: 2, lora_dropout: 0.1 } as never), 'Did you mean dropout?'],
  [() => nn.lora({} as never, { rank: 2 }), '[lora] model: got an Object, expected a module.'],
  [() => JSON.stringify(nn.lora(small(), { rank: 2, match: /outProj/ })), '[lora] PEFT adapts both weights of an attention, or none: got an addition to block.selfAttn.outProj.weight alone, expected one to inProjWeight and to outProj.weight. Pick both by match, or save the tensors alone: save(adapters, path).'],
  [() => JSON.stringify(nn.lora(small(), { rank: 2, match: /inProj/ })), 'got an addition to block.selfAttn.inProjWeight alone'],
  [() => nn.lora(nn.sequential([4], nn.embedding(5, 2, { maxNorm: 1 })), { rank: 2, match: '0' }), "[lora] match: got '0', which picks 0.weight, whose rows have a maxNorm: merged, they would be shortened with the addition. Leave it out of match."],
  [() => nn.lora(new Tied(), { rank: 2, match: /./ }), '[lora] match: got /./, which picks embedding.weight, that layers share: merged, the addition would change all of them. Leave it out of match.'],
  [() => {
    const model = small();
    nn.lora(model, { rank: 2, match: 'headOf' });
    nn.lora(model, { rank: 2 });
  }, '[lora] headOf.weight has an addition already. Call merge() of what lora() gave.'],
])('%#', (call, message) => expect(call).toThrow(message));
