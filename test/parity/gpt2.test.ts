// GPT-2 by Hugging Face's names: a state dict that PyTorch made, and PEFT's additions to it; and its additions to embeddings, attention and linear layers. make/gpt2.py makes the files.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { load, loadLora, losses, nn, optim, tensor, text, type Tensor } from 'anneal';
import { fromHuggingFace, Gpt2, type Gpt2Config } from '../../examples/models/gpt2.js';
import { expectClose, fixture, type Numbers } from './fixtures.js';

const folder = new URL('gpt2/', import.meta.url);
const config = JSON.parse(readFileSync(new URL('config.json', folder), 'utf8')) as Gpt2Config;
const expected = fixture<{ tokens: number[]; logits: Numbers; adapted: Numbers }>('gpt2/expected.json');
const tokens = tensor(Int32Array.from(expected.tokens), { shape: [2, 24] }) as Tensor;
const file = new URL('model.safetensors', folder);
const CLOSE = { relative: 1e-6, ofLargest: 2e-6 };

const shapes = (state: ReadonlyMap<string, { readonly shape: readonly number[] }>): unknown => [...state].map(([name, { shape }]) => `${name} ${shape.join()}`).toSorted();

async function pretrained(): Promise<Gpt2> {
  const model = new Gpt2(config).eval();
  await model.loadStateDict(fromHuggingFace(await load(file)));
  return model;
}

describe('GPT-2', () => {
  it('loads by name, and gives PyTorch’s logits', async () => {
    expectClose('logits', await (await pretrained()).forward(tokens).data(), expected.logits, CLOSE);
  });

  it('takes the names of the Hub, masks and a head of its own as well', async () => {
    const state = new Map([...(await load(file))].map(([name, value]) => [name.replace('transformer.', ''), value]));
    const mask = { shape: [1, 1, 24, 24], dtype: 'uint8', data: new Uint8Array(576) } as const;
    for (const i of [0, 1]) state.set(`h.${i}.attn.bias`, mask).set(`h.${i}.attn.masked_bias`, { shape: [], dtype: 'float32', data: Float32Array.of(-1e4) });
    const model = new Gpt2(config).eval();
    await model.loadStateDict(fromHuggingFace(state.set('lm_head.weight', state.get('wte.weight')!)));
    expectClose('logits', await model.forward(tokens).data(), expected.logits, CLOSE);
    const apart = new Gpt2({ ...config, tie_word_embeddings: false }).eval();
    await apart.loadStateDict(fromHuggingFace(state));
    expectClose('logits', await apart.forward(tokens).data(), expected.logits, CLOSE);
    await expect(apart.loadStateDict(fromHuggingFace(await load(file)))).rejects.toThrow("the state is of another model: it lacks 'lmHead.weight'");
  });

  it('says what does not fit', async () => {
    await expect(new Gpt2(config).loadStateDict(await load(file))).rejects.toThrow("'transformer.h.0.attn.cAttn.weight' does not fit: got float32 [32,96], expected float32 [96,32].");
    await expect(new Gpt2({ ...config, n_layer: 3 }).loadStateDict(fromHuggingFace(await load(file)))).rejects.toThrow("it lacks 'transformer.h.2.ln1.weight'");
    expect(() => new Gpt2({ ...config, activation_function: 'swish' })).toThrow("[Gpt2] activation_function: got 'swish', expected one of gelu_new,");
    expect(() => new Gpt2({ ...config, scale_attn_by_inverse_layer_idx: true })).toThrow('[Gpt2] the scores of the attention: got a scale other than 1 / sqrt(features of a head), expected that.');
  });

  it('writes with keys and values kept as without', async () => {
    const model = await pretrained();
    const prompts = [expected.tokens.slice(0, 5), expected.tokens.slice(24, 33)];
    const [kept, whole] = await Promise.all([true, false].map((cache) => text.generate(model, prompts, { maxTokens: 12, temperature: 0, cache }).texts()));
    expect(kept).toEqual(whole);
    // The likeliest token behind the whole of the first text, as PyTorch has it.
    const last = expected.logits.slice(23 * 61, 24 * 61).map(Number);
    const [next] = await text.generate(model, expected.tokens.slice(0, 24), { maxTokens: 1, temperature: 0 }).texts();
    expect(next!.tokens[0]).toBe(last.indexOf(Math.max(...last)));
  });

  it('takes additions that PEFT has saved, trains them alone, and merges them', async () => {
    const model = await pretrained();
    const adapters = await loadLora(model, new URL('adapter', folder));
    expectClose('logits', await model.forward(tokens).data(), expected.adapted, CLOSE);
    expect(shapes(adapters.stateDict())).toEqual(shapes(await load(new URL('adapter/adapter_model.safetensors', folder))));
    expect(JSON.parse(JSON.stringify(adapters))).toMatchObject({ r: 4, lora_alpha: 10, use_rslora: true, lora_dropout: 0.05, target_modules: [0, 1].flatMap((i) => ['attn.c_attn', 'attn.c_proj', 'mlp.c_proj'].map((name) => `transformer.h.${i}.${name}`)) });
    await adapters.merge();
    expectClose('logits', await model.forward(tokens).data(), expected.adapted, CLOSE);
  });

  it('computes no gradients for what is frozen', async () => {
    const model = await pretrained();
    const adapters = nn.lora(model, { rank: 4, match: /cAttn/ });
    const before = await model.toArrays();
    const optimizer = optim.adam(model.parameters(), { lr: 1e-2 });
    losses.crossEntropy(model.forward(tokens) as never, tokens as never).backward();
    const training = new Set(adapters.parameters());
    for (const [name, parameter] of model.namedParameters()) expect(parameter.grad === undefined, name).toBe(!training.has(parameter));
    await optimizer.step();
    const after = await model.toArrays();
    for (const [name, { data }] of Object.entries(before)) if (!name.includes('lora')) expect(after[name]!.data, name).toEqual(data);
  });
});

describe('PEFT', () => {
  class Mixed extends nn.Module {
    readonly embedTokens = nn.embedding(11, 8, { paddingIdx: 0 });
    readonly selfAttn = nn.multiheadAttention(8, 2);
    readonly head = nn.linear(8, 5);
    override forward(x: Tensor): Tensor {
      return this.head.forward(this.selfAttn.forward(this.embedTokens.forward(x as never) as Tensor) as Tensor) as Tensor;
    }
  }

  it('has the same additions to embeddings, attention and linear layers', async () => {
    const at = (path: string): URL => new URL(`peft/${path}`, import.meta.url);
    const { tokens: given, plain, adapted } = fixture<{ tokens: number[]; plain: Numbers; adapted: Numbers }>('peft/expected.json');
    const x = tensor(Int32Array.from(given), { shape: [2, 5] }) as Tensor;
    const model = new Mixed().eval();
    await model.loadStateDict(await load(at('model.safetensors')));
    expectClose('outputs', await model.forward(x).data(), plain, CLOSE);
    const adapters = await loadLora(model, at('adapter'));
    expectClose('outputs', await model.forward(x).data(), adapted, CLOSE);
    expect(shapes(adapters.stateDict())).toEqual(shapes(await load(at('adapter/adapter_model.safetensors'))));
    expect(adapters.toJSON().target_modules).toEqual(['embed_tokens', 'self_attn', 'head']);
    await adapters.merge();
    expectClose('outputs', await model.forward(x).data(), adapted, CLOSE);
  });
});
