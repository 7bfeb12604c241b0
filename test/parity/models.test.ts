// The models of examples/models with torchvision's names and numbers: a file of its tensors loads by name; values, gradients, and statistics after ten steps.
import { describe, expect, it } from 'vitest';
import { losses, nn, optim, tensor, type Tensor } from 'anneal';
import { parseSafetensors } from '../../src/io/index.js';
import { mobilenetV2 } from '../../examples/models/mobilenet-v2.js';
import { resnet18, resnet34, resnet50 } from '../../examples/models/resnet.js';
import { fixture } from './fixtures.js';

interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'F32' | 'I64';
}

/** Numbers of a tensor: its norm, its product with hashes(number + 1000), its first and its last element. */
type Summaries = Readonly<Record<string, readonly [norm: number, along: number, first: number, last: number]>>;

interface Case {
  readonly name: 'resnet18' | 'resnet50' | 'mobilenetV2';
  readonly images: number;
  readonly size: number;
  readonly seed: number;
  readonly lr: number;
  readonly state: readonly Entry[];
  readonly evaluation: readonly number[];
  readonly losses: readonly number[];
  readonly gradients?: Summaries;
  readonly statistics: Summaries;
}

const { cases } = fixture<{ cases: Case[] }>('models.json');
const models = { resnet18, resnet50, mobilenetV2 };
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

/** Numbers in [-1, 1), as make/models.py has them. */
function hashes(number: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    let h = (Math.imul(i, 2654435761) + Math.imul(number, 374761393)) >>> 0;
    for (let round = 0; round < 2; round++) h = Math.imul(h ^ (h >>> 16), 0x45d9f3b) >>> 0;
    h = (h ^ (h >>> 16)) >>> 0;
    return (h >>> 8) / 2 ** 23 - 1;
  });
}

function weights({ name, shape }: Entry, number: number): Float32Array {
  const values = hashes(number, sizeOf(shape));
  if (shape.length > 1) {
    const scale = Math.sqrt(6 / (values.length / shape[0]!));
    return Float32Array.from(values, (value) => value * scale);
  }
  return Float32Array.from(values, (value) => (/running_var$|weight$/.test(name) ? 1 + value / 4 : value / 10));
}

/** The file that safetensors' own library writes of such a state. */
function fileOf(state: readonly Entry[]): Uint8Array {
  const data = state.map((entry, number) => (entry.dtype === 'F32' ? weights(entry, number) : BigInt64Array.of(0n)));
  let end = 0;
  const header = Object.fromEntries(state.map(({ name, dtype, shape }, i) => [name, { dtype, shape, data_offsets: [end, (end += data[i]!.byteLength)] }]));
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...data.map((array) => Buffer.from(array.buffer))]);
}

/** Fails where a number is further away than a share of the tensor's norm, or, of one that is almost 0, of a thousandth of the largest. */
async function expectAlike(got: ReadonlyMap<string, Tensor>, expected: Summaries, tolerance: number): Promise<void> {
  const least = Math.max(...Object.values(expected).map(([norm]) => norm)) / 1000;
  const names = [...got.keys()];
  for (const [name, wanted] of Object.entries(expected)) {
    const values = (await got.get(camel(name))!.data()) as Float32Array;
    const probe = hashes(names.indexOf(camel(name)) + 1000, values.length);
    const along = values.reduce((total, value, i) => total + value * probe[i]!, 0);
    for (const [i, value] of [Math.hypot(...chunked(values)), along, values[0]!, values.at(-1)!].entries()) {
      const distance = Math.abs(value - wanted[i]!) / Math.max(wanted[0], least);
      expect(distance, `${['norm', 'along', 'first', 'last'][i]} of ${name}: ${value}, torchvision ${wanted[i]}`).toBeLessThan(tolerance);
    }
  }
}

/** Norms of parts, as hypot() takes so many arguments only. */
function chunked(values: Float32Array): number[] {
  return Array.from({ length: Math.ceil(values.length / 1000) }, (_, i) => Math.hypot(...values.subarray(1000 * i, 1000 * (i + 1))));
}

const camel = (name: string): string => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

describe.each(cases)('$name', ({ name, images, size, seed, lr, state, evaluation, losses: expectedLosses, gradients, statistics }) => {
  it('loads the state by name, and gives what torchvision gives', async () => {
    const model = models[name](10);
    await model.loadStateDict((await parseSafetensors(fileOf(state))).tensors);
    const x = tensor(Float32Array.from(hashes(seed, images * 3 * size * size)), { shape: [images, 3, size, size] }) as Tensor;
    const y = tensor(Int32Array.of(1, 7, 3, 3).subarray(0, images));

    const logits = await model.eval().forward(x).data();
    const largest = Math.max(...evaluation.map(Math.abs));
    evaluation.forEach((value, i) => expect(Math.abs(logits[i]! - value) / largest, `${logits[i]}, torchvision ${value}`).toBeLessThan(1e-5));

    model.train();
    for (const module of model.modules()) if (module instanceof nn.Dropout) module.eval();
    const optimizer = optim.sgd(model.parameters(), { lr });
    for (const [step, expected] of expectedLosses.entries()) {
      const loss = losses.crossEntropy(model.forward(x) as never, y);
      optimizer.zeroGrad();
      loss.backward();
      if (step === 0 && gradients !== undefined) {
        await expectAlike(new Map([...model.namedParameters()].map(([path, parameter]) => [path, parameter.grad as Tensor])), gradients, 1e-4);
      }
      await optimizer.step();
      expect(Math.abs((await loss.item()) / expected - 1), `loss of step ${step}`).toBeLessThan(1e-3);
    }
    await expectAlike(new Map([...model.namedBuffers()].map(([path, buffer]) => [path, buffer as Tensor])), statistics, 1e-4);
    for (const [path, buffer] of model.namedBuffers()) if (path.endsWith('numBatchesTracked')) expect(await (buffer as Tensor).item()).toBe(expectedLosses.length);
  }, 240_000);
});

it('resnet34 has torchvision\'s number of weights', () => {
  expect([...resnet34().namedParameters().values()].reduce((total, { shape }) => total + sizeOf(shape), 0)).toBe(21_797_672);
});
