// What a model is made of, as JSON and back.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FileFormatError, nn, relu, type Tensor } from 'anneal';
import { architectureOf, moduleOf, ownClasses } from '../../src/nn/architecture.js';
import * as layers from '../../src/nn/layers.js';

const again = (model: nn.Module): nn.Module => moduleOf(JSON.parse(JSON.stringify(architectureOf(model))), 'load', 'x');

/** Arguments of each function, with options that are not their defaults. */
const CALLS: { readonly [N in keyof typeof layers]: readonly unknown[] } = {
  elu: [{ alpha: 0.5 }], gelu: [{ approximate: 'tanh' }], leakyRelu: [{ negativeSlope: 0.3 }], logSoftmax: [], relu: [], sigmoid: [],
  silu: [], softmax: [], softplus: [], tanh: [],
  batchNorm1d: [3, { eps: 1e-3, momentum: null }], batchNorm2d: [3, { affine: false }], batchNorm3d: [3, { trackRunningStats: false, momentum: 0.3 }],
  instanceNorm1d: [3, { affine: true }], instanceNorm2d: [3, { trackRunningStats: true }], instanceNorm3d: [3],
  groupNorm: [2, 4, { eps: 1e-3, affine: false }], layerNorm: [[2, 3], { eps: 1e-4, bias: false }], rmsNorm: [3, { elementwiseAffine: false, eps: 1e-3 }],
  conv1d: [2, 4, 3, { padding: 'same', bias: false }], conv2d: [2, 4, [3, 5], { stride: [1, 2], padding: [1, 0], dilation: 2, groups: 2, paddingMode: 'reflect' }], conv3d: [2, 4, 2],
  convTranspose1d: [2, 4, 3, { stride: 2, outputPadding: 1 }], convTranspose2d: [2, 4, [3, 2], { padding: [1, 0], bias: false, groups: 2 }],
  dropout: [0.3], dropout1d: [0.3], dropout2d: [0], dropout3d: [1],
  embeddingBag: [5, 3, { mode: 'max', sparse: true, maxNorm: 2 }], flatten: [2, 3], identity: [], linear: [3, 2, { bias: false }], unflatten: [1, [-1, 3]], upsample: [{ scaleFactor: [2, 1.5], mode: 'bilinear', alignCorners: true }],
  maxUnpool1d: [2, { stride: 2 }], maxUnpool2d: [[2, 3], { padding: 1, outputSize: [5, 4] }], maxUnpool3d: [2],
  pixelShuffle: [2], pixelUnshuffle: [3],
  constantPad1d: [1, -Infinity], constantPad2d: [[1, -1, 0, 2], -0], constantPad3d: [1, 2.5],
  zeroPad1d: [1], zeroPad2d: [[0, 1, 2, 3]], zeroPad3d: [1], reflectionPad1d: [1], reflectionPad2d: [1],
  reflectionPad3d: [1], replicationPad1d: [1], replicationPad2d: [1], replicationPad3d: [1],
  circularPad1d: [1], circularPad2d: [1], circularPad3d: [[1, 0, 1, 0, 1, 0]],
  adaptiveAvgPool1d: [2], adaptiveAvgPool2d: [[null, 2]], adaptiveAvgPool3d: [2], adaptiveMaxPool1d: [2],
  adaptiveMaxPool2d: [2], adaptiveMaxPool3d: [2], adaptiveMaxPool1dWithIndices: [2], adaptiveMaxPool2dWithIndices: [[1, 2]],
  adaptiveMaxPool3dWithIndices: [2], avgPool1d: [2, { ceilMode: true }], avgPool2d: [[2, 3], { stride: 1, padding: 1, countIncludePad: false, divisorOverride: 5 }],
  avgPool3d: [2], lpPool1d: [3, 2, { stride: 1 }], lpPool2d: [2, [2, 3], { ceilMode: true }], maxPool1d: [2], maxPool2d: [3, { stride: 2, padding: 1, dilation: [1, 2], ceilMode: true }],
  maxPool3d: [2], maxPool1dWithIndices: [2], maxPool2dWithIndices: [2, { stride: 1 }], maxPool3dWithIndices: [2],
  glu: [], swiglu: [], geglu: [{ approximate: 'tanh' }], embedding: [5, 4, { paddingIdx: 1, sparse: true, maxNorm: 0.5 }], learnedPositions: [6, 4], sinusoidalPositions: [4, { base: 100 }],
  dotProductAttention: [4, { dropout: 0.2, numKvHeads: 2, isCausal: true, rotary: { base: 100 } }],
  multiheadAttention: [8, 4, { dropout: 0.2, bias: false, kdim: 6, vdim: 5, numKvHeads: 2, isCausal: true, rotary: { base: 100 } }],
  transformerEncoderLayer: [8, 2, { dimFeedforward: 6, activation: 'swiglu', norm: 'rmsNorm', normFirst: true, dropout: 0 }], transformerDecoderLayer: [8, 2, { alibi: true, bias: false }],
  transformerEncoder: [nn.transformerEncoderLayer(8, 2), 3, nn.layerNorm(8)], transformerDecoder: [nn.transformerDecoderLayer(8, 2, { dimFeedforward: 4 }), 2, { recompute: true }],
  recompute: [nn.linear(3, 2)], sequential: [[3], nn.linear(3, 2), nn.sequential([2], nn.relu(), nn.linear(2, 1))],
};

describe('a layer', () => {
  it.each(Object.keys(layers))('%s is made again, with its options', (name) => {
    const given = CALLS[name as keyof typeof CALLS];
    const layer = (layers[name as keyof typeof layers] as (...args: readonly unknown[]) => nn.Module)(...given);
    const made = again(layer);
    const options = given.at(-1);
    const isOptions = typeof options === 'object' && options !== null && !Array.isArray(options) && !(options instanceof nn.Module);
    expect(architectureOf(layer)).toMatchObject({ layer: name, ...(isOptions ? { options } : {}) });
    // -Infinity and -0 are no numbers of JSON.
    expect(made instanceof nn.Pad && [made.value, made.padding]).toEqual(layer instanceof nn.Pad && [layer.value, layer.padding]);
    expect(made.constructor).toBe(layer.constructor);
    expect(architectureOf(made)).toEqual(architectureOf(layer));
    expect(String(made)).toBe(String(layer));
    expect(made.builtin).toBe(true);
    const shapes = (model: nn.Module) => [...model.stateDict()].map(([path, { shape, dtype }]) => [path, shape, dtype]);
    expect(shapes(made)).toEqual(shapes(layer));
  });

  it('keeps what it was made with when the options are changed afterwards', () => {
    const options = { stride: 2 as number };
    const pool = nn.maxPool2d(2, options);
    options.stride = 1;
    expect(architectureOf(pool as nn.Module)).toEqual({ layer: 'maxPool2d', arguments: [2], options: { stride: 2 } });
  });
});

it('with additions is known by its class, and by its layers once they are merged', async () => {
  const model = nn.sequential([4], nn.linear(4, 3), nn.relu());
  const adapters = nn.lora(model as never, { rank: 2 });
  expect(architectureOf(model as never)).toEqual({ class: 'Sequential' });
  await adapters.merge();
  expect(architectureOf(model as never)).toMatchObject({ layer: 'sequential' });
});

class Residual extends nn.Module<[4], [4]> {
  readonly inner = nn.linear(4, 4);
  override forward(x: Tensor): Tensor {
    return x.add(relu(this.inner.forward(x)));
  }
}

describe('a model', () => {
  it('says so in JSON that can be read', () => {
    expect(architectureOf(nn.sequential([2], nn.linear(2, 3), nn.relu()))).toEqual({ layer: 'sequential', arguments: [[2], { layer: 'linear', arguments: [2, 3], options: { bias: true } }, { layer: 'relu', arguments: [] }] });
  });

  it('may have a layer twice, which stays one', () => {
    const shared = nn.linear(4, 4);
    const made = again(nn.sequential([4], shared, nn.relu(), nn.sequential([4], nn.tanh(), shared))) as nn.Sequential;
    expect(made.layers[0]).toBe((made.layers[2] as nn.Sequential).layers[1]);
    expect([...made.stateDict().keys()]).toEqual(['0.weight', '0.bias']);
  });

  it('names the classes that are not of this library, and where they are', () => {
    const model = nn.sequential([4], nn.linear(4, 4), new Residual(), nn.sequential([4], nn.relu(), new Residual()), nn.linear(4, 1));
    expect(ownClasses(architectureOf(model))).toEqual([{ path: '1', name: 'Residual' }, { path: '2.1', name: 'Residual' }]);
    expect(ownClasses(architectureOf(new Residual()))).toEqual([{ path: '', name: 'Residual' }]);
    expect(ownClasses(architectureOf(nn.linear(2, 2)))).toEqual([]);
    expect(ownClasses({ layer: 'linear' })).toEqual([]);
    expect(architectureOf(new (class extends nn.Module { override forward(x: Tensor): Tensor { return x; } })())).toEqual({ class: 'without a name' });
  });

  it('is known by its class alone where a layer is not what it was made as', () => {
    class Wide extends nn.Linear {}
    const replaced = nn.relu();
    replaced.forward = ((x: Tensor) => x) as never;
    const tied = nn.sequential([4], nn.linear(4, 4), nn.linear(4, 4));
    Object.assign(tied.layers[1]!, { weight: (tied.layers[0] as nn.Linear).weight });
    for (const model of [new Wide(2, 2), replaced, tied]) expect(architectureOf(model as nn.Module)).toEqual({ class: model.constructor.name });
  });
});

describe('an architecture that is not to be trusted', () => {
  const nested = (depth: number): unknown => (depth === 0 ? { layer: 'relu', arguments: [] } : { layer: 'sequential', arguments: [[2], nested(depth - 1)] });
  /** Each level has the one below twice. */
  const doubled = (depth: number): unknown => (depth === 0 ? { layer: 'identity', arguments: [] } : { layer: 'sequential', arguments: [[2], doubled(depth - 1), { again: depth - 1 }] });
  it.each<[unknown, string]>([
    [5, 'got 5, expected a layer'],
    [null, 'got null, expected a layer'],
    [[], 'got [], expected a layer'],
    [{ class: 'Net' }, 'it has the class "Net"'],
    [{ layer: 'summary', arguments: [] }, 'it has the layer "summary", which there is not in this version'],
    [{ layer: '__proto__', arguments: [] }, 'it has the layer "__proto__", which there is not'],
    [{ layer: 'toString', arguments: [] }, 'it has the layer "toString", which there is not'],
    [{ layer: 5, arguments: [] }, 'it has the layer 5, which there is not'],
    [{ layer: 'relu' }, 'relu has the arguments undefined, expected a list'],
    [{ layer: 'linear', arguments: [2, -1] }, '[linear] outFeatures: got -1, expected a whole number'],
    [{ layer: 'linear', arguments: [2, 2], options: { bais: true } }, '[linear] unknown option: got bais'],
    [{ layer: 'linear', arguments: [1e9, 1e9] }, '[Parameter] too many elements'],
    [{ layer: 'sequential', arguments: [[2], { layer: 'linear', arguments: [3, 3] }] }, 'expects 3 features'],
    [{ layer: 'sequential', arguments: [[2], { again: 0 }] }, 'layer 0 is named before it is there'],
    [{ layer: 'sequential', arguments: [[2], { again: '__proto__' }] }, 'layer "__proto__" is named before it is there'],
    [doubled(40), 'it has more than 100000 layers'],
    [nested(101), 'its layers are in more than 100 others'],
  ])('%j', (described, text) => {
    let failure: unknown;
    try {
      moduleOf(described, 'loadModel', 'net.safetensors');
    } catch (error) {
      failure = error;
    }
    expect((failure as Error).message).toContain(text);
    expect(failure).toMatchObject({ code: 'ANNEAL_FILE_FORMAT', op: 'loadModel', message: expect.stringMatching(/^\[loadModel\] net\.safetensors has no model that can be made: .*\. Check the path, or copy the file again\.$/s) as unknown });
  });

  it('is a model or a FileFormatError, whatever it is made up of', () => {
    const value = fc.oneof(fc.nat(8), fc.array(fc.nat(4), { maxLength: 3 }), fc.double(), fc.anything({ maxDepth: 2 }));
    const { tree } = fc.letrec((tie) => ({
      tree: fc.record({ layer: fc.constantFrom(...Object.keys(layers)), arguments: fc.array(fc.oneof({ maxDepth: 3 }, value, tie('tree')), { maxLength: 4 }), options: fc.option(fc.oneof(fc.dictionary(fc.constantFrom('bias', 'stride', 'padding', 'eps', 'p'), value), value), { nil: undefined }) }, { requiredKeys: ['layer', 'arguments'] }),
    }));
    fc.assert(
      fc.property(tree, (described) => {
        try {
          String(moduleOf(described, 'loadModel', 'x'));
        } catch (error) {
          if (!(error instanceof FileFormatError)) throw error;
        }
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  it('of a hundred layers within each other is made', () => {
    expect(String(moduleOf(nested(100), 'loadModel', 'x'))).toContain('relu');
  });
});
