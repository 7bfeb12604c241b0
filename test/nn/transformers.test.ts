// Attention with heads and the layers made of it: what PyTorch's numbers (test/parity/transformers.test.ts) do not show, and what is said where they are used wrongly.
import { describe, expect, test } from 'vitest';
import { alibi, concat, nn, noGrad, rotaryEmbedding, scaledDotProductAttention, seed, slice, tensor, type Tensor, zeros } from 'anneal';
import { expectClose } from '../parity/fixtures.js';

const numbers = (shape: readonly number[], key = 1): Tensor => tensor(Float32Array.from({ length: shape.reduce((product, dim) => product * dim, 1) }, (_, i) => Math.sin(i * 1.3 + key)), { shape });
const heads = (x: Tensor, count: number): Tensor => x.reshape([x.shape[0]!, x.shape[1]!, count, x.shape[2]! / count]).permute([0, 2, 1, 3]) as Tensor;
const joined = (x: Tensor): Tensor => x.permute([0, 2, 1, 3]).flatten(2) as Tensor;

/** Queries, keys and values of a layer, by its own weights. */
function projected(layer: nn.MultiheadAttention, x: Tensor): [Tensor, Tensor, Tensor] {
  const all = x.matmul(layer.inProjWeight!.t() as never).add(layer.inProjBias! as never) as Tensor;
  const [E, D] = [layer.embedDim, layer.embedDim / layer.numHeads];
  const kept = D * layer.numKvHeads;
  const part = (from: number, to: number, count: number): Tensor => heads(slice(all, from, to, { axis: 2 }) as Tensor, count);
  return [part(0, E, layer.numHeads), part(E, E + kept, layer.numKvHeads), part(E + kept, E + 2 * kept, layer.numKvHeads)];
}

describe('multiheadAttention', () => {
  const x = numbers([2, 5, 12]);
  const expected: [string, nn.MultiheadAttentionOptions, (q: Tensor, k: Tensor, v: Tensor) => Tensor][] = [
    ['rotary', { rotary: true, isCausal: true }, (q, k, v) => scaledDotProductAttention(rotaryEmbedding(q), rotaryEmbedding(k) as never, v, { isCausal: true }) as Tensor],
    ['rotary of some elements', { rotary: { dims: 2, layout: 'interleaved' } }, (q, k, v) => scaledDotProductAttention(rotaryEmbedding(q, { dims: 2, layout: 'interleaved' }), rotaryEmbedding(k, { dims: 2, layout: 'interleaved' }) as never, v) as Tensor],
    ['alibi', { alibi: true, isCausal: true }, (q, k, v) => scaledDotProductAttention(q, k as never, v, { mask: alibi(3, 5, 5, { isCausal: true }) }) as Tensor],
    ['grouped heads', { numKvHeads: 1 }, (q, k, v) => scaledDotProductAttention(q, concat([k, k, k], 1) as never, concat([v, v, v], 1) as Tensor) as Tensor],
  ];
  test.each(expected)('%s', async (_, options, attend) => {
    const layer = nn.multiheadAttention(12, 3, options);
    expectClose('y', await layer.forward(x).data(), [...(await (layer.outProj.forward(joined(attend(...projected(layer as never, x)))) as Tensor).data())]);
  });

  test('has PyTorch’s first values: biases of 0, Xavier for the three projections together', async () => {
    seed(1);
    const layer = nn.multiheadAttention(64, 4);
    expect((await layer.inProjBias!.data()).every((value) => value === 0)).toBe(true);
    expect((await layer.outProj.bias!.data()).every((value) => value === 0)).toBe(true);
    const largest = (await layer.inProjWeight!.data()).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const bound = Math.sqrt(6 / (64 + 192));
    expect(largest).toBeLessThanOrEqual(bound);
    expect(largest).toBeGreaterThan(0.99 * bound);
  });

  test('drops weights in training only, others in each layer and call', async () => {
    seed(1);
    const pair = nn.sequential([5, 12], nn.multiheadAttention(12, 3, { dropout: 0.5 }), nn.multiheadAttention(12, 3, { dropout: 0.5 }));
    const [layer, other] = pair.layers as [nn.Module, nn.Module];
    await other.loadStateDict(layer.stateDict());
    const [first, second, third] = await Promise.all([layer, layer, other].map((one) => one.forward(x).data()));
    expect(first).not.toEqual(second);
    expect(first).not.toEqual(third);
    pair.eval();
    expect(await layer.forward(x).data()).toEqual(await other.forward(x).data());
  });

  test('drops what its own random stream says, whoever else draws', async () => {
    const drawn = async (others: boolean): Promise<number[]> => {
      seed(6);
      const layer = nn.multiheadAttention(12, 3, { dropout: 0.5 });
      if (others) await (scaledDotProductAttention(heads(x, 3), heads(x, 3) as never, heads(x, 3), { dropout: 0.5 }) as Tensor).data();
      return [...(await layer.forward(x).data())];
    };
    expect(await drawn(true)).toEqual(await drawn(false));
  });

  test.each<[() => unknown, string]>([
    [() => nn.multiheadAttention(10 as number, 3), '[multiheadAttention] numHeads: got 3 for embedDim 10, expected a number that divides it.'],
    [() => nn.multiheadAttention(12, 4, { numKvHeads: 3 }), '[multiheadAttention] numKvHeads: got 3 for 4 heads, expected a number that divides them.'],
    [() => nn.multiheadAttention(12, 4, { batchFirst: true } as never), '[multiheadAttention] unknown option: got batchFirst, expected one of dropout, bias, kdim'],
    [() => nn.multiheadAttention(12, 4, { dropout: 2 }), '[multiheadAttention] dropout: got 2, expected a probability in [0, 1]. Write 20 % as 0.2.'],
    [() => nn.multiheadAttention(12, 3, { alibi: true, rotary: true }), '[multiheadAttention] alibi: got it with rotary, expected one of the two: each tells positions.'],
    [() => nn.multiheadAttention(12, 4, { rotary: true }), '[multiheadAttention] dims: got 3 of a head of 3, expected an even number of at least 2 that is not above it.'],
    [() => nn.multiheadAttention(12, 4).forward(zeros([5, 12])), '[multiheadAttention] query does not fit: got [5,12], expected [B,T,12]: examples, positions, features. Embed tokens first; put the batch in front.'],
    [() => nn.multiheadAttention(12, 4).forward(zeros([1, 5, 12]), zeros([1, 5, 8])), '[multiheadAttention] key does not fit: got [1,5,8], expected [B,T,12]: examples, positions, features.'],
    [() => nn.multiheadAttention(12, 4, { alibi: true }).forward(zeros([1, 5, 12]), { mask: zeros([5, 5]) }), '[multiheadAttention] mask: got one beside alibi, expected one of the two. Add alibi(heads, queries, keys) to a mask of floats.'],
    [() => nn.multiheadAttention(12, 4).forward(zeros([1, 5, 12]), { attnMask: zeros([5, 5]) } as never), '[multiheadAttention] unknown option: got attnMask, expected one of mask, keyLengths, isCausal. Did you mean mask?'],
  ])('%#', (call, message) => expect(call).toThrow(message));
});

describe('positions to come have no influence', () => {
  const llama = { norm: 'rmsNorm', activation: 'swiglu', rotary: true, bias: false, normFirst: true, isCausal: true, dropout: 0, dimFeedforward: 24, numKvHeads: 1 } as const;
  const memory = numbers([1, 3, 12], 5);
  const layers: [string, (x: Tensor) => Tensor][] = [
    ['of a causal encoder layer', (x) => nn.transformerEncoderLayer(12, 3, { isCausal: true, dropout: 0, dimFeedforward: 16 }).forward(x)],
    ['of a block as Llama has it', (x) => nn.transformerEncoderLayer(12, 3, llama).forward(x)],
    ['of a block with ALiBi', (x) => nn.transformerEncoderLayer(12, 3, { ...llama, rotary: false, alibi: true }).forward(x)],
    ['of a decoder layer as it comes', (x) => nn.transformerDecoderLayer(12, 3, { dropout: 0, dimFeedforward: 16 }).forward(x, memory)],
  ];
  test.each(layers)('%s', async (_, forward) => {
    const values = Float32Array.from({ length: 72 }, (_value, i) => Math.sin(i));
    const changed = values.map((value, i) => (i >= 48 ? -value : value));
    const run = async (given: Float32Array): Promise<Float32Array> => {
      seed(4);
      return (await noGrad(() => forward(tensor(given, { shape: [1, 6, 12] }))).data()) as Float32Array;
    };
    const [before, after] = [await run(values), await run(changed)];
    expect(after.slice(0, 48)).toEqual(before.slice(0, 48));
    expect(after.slice(48)).not.toEqual(before.slice(48));
  });
});

describe('stacks', () => {
  test('name their layers as PyTorch does', () => {
    const names = [...nn.transformerEncoder(nn.transformerEncoderLayer(4, 2, { dimFeedforward: 8 }), 2, nn.layerNorm(4)).stateDict().keys()];
    expect(names.slice(0, 4)).toEqual(['layers.0.selfAttn.inProjWeight', 'layers.0.selfAttn.inProjBias', 'layers.0.selfAttn.outProj.weight', 'layers.0.selfAttn.outProj.bias']);
    expect(names.slice(-2)).toEqual(['norm.weight', 'norm.bias']);
    expect(names.length).toBe(26);
  });

  test('begin each layer with values of its own', async () => {
    seed(1);
    const { layers } = nn.transformerEncoder(nn.transformerEncoderLayer(4, 2, { dimFeedforward: 8 }), 2);
    expect(await layers[0]!.linear1.weight.data()).not.toEqual(await layers[1]!.linear1.weight.data());
  });

  const one = nn.transformerEncoderLayer(4, 2);
  test.each<[() => unknown, string]>([
    [() => nn.transformerEncoder((() => one) as never, 2), '[transformerEncoder] layer: got a function, expected one of nn.transformerEncoderLayer(dModel, nhead), of which others alike are made.'],
    [() => nn.transformerDecoder(one as never, 2), '[transformerDecoder] layer: got'],
    [() => nn.transformerEncoder(new (class Own extends nn.TransformerEncoderLayer {})(4, 2), 2), '[transformerEncoder] layer: got'],
    [() => nn.transformerEncoder(one, 2, 'norm' as never), '[transformerEncoder] norm: got'],
    [() => nn.transformerEncoder(one, 2, { recomputed: true } as never), '[transformerEncoder] unknown option'],
    [() => nn.transformerDecoder(nn.transformerDecoderLayer(4, 2), 2, undefined, { recompute: 1 } as never), '[transformerDecoder] recompute: got 1'],
    [() => nn.transformerEncoderLayer(4, 2, { activation: 'tanh' as never }), "[transformerEncoderLayer] unknown activation: got 'tanh', expected one of 'relu', 'gelu'"],
    [() => nn.transformerDecoderLayer(5 as number, 2), '[transformerDecoderLayer] numHeads: got 2 for dModel 5, expected a number that divides it.'],
    [() => nn.transformerEncoderLayer(4, 2, { nhead: 2 } as never), '[transformerEncoderLayer] unknown option: got nhead, expected one of dimFeedforward'],
    [() => nn.sequential([5, 6] as number[], one), '[sequential] layer 0: transformerEncoderLayer(4, 2) expects 4 features, but the input has 6.'],
  ])('%#', (call, message) => expect(call).toThrow(message));
});
