import { adviseBatchSize, data, losses, nn, optim, seed } from 'anneal';
import { beforeEach, expect, test } from 'vitest';
import { advise } from '../../src/tuning/batch-advice.js';
import { noiseScale, squaredNorms } from '../../src/tuning/noise-scale.js';
import { blobs } from '../train/classifier.js';
import { everything, halfTrained, subject } from './subject.js';

beforeEach(() => seed(3));

const loss = losses.crossEntropy;
const quick = { sizes: [8, 16, 32], batches: 2, after: 3, secondsPerSize: 0.005 };

test('it leaves model, optimizer, random streams and modes as they were, bit for bit', async () => {
  const all = await halfTrained();
  const before = await everything(all);
  const report = await adviseBatchSize(all.model, { loss, optimizer: all.optimizer, data: all.train, ...quick });
  expect(report.sizes.map(({ batchSize }) => batchSize)).toEqual([8, 16, 32]);
  expect(await everything(all)).toBe(before);
});

test('the estimators are unbiased: from expected squared norms they give the noise scale itself', () => {
  const [gradient, noise, small, large] = [0.5, 90, 8, 64];
  const expected = { small: gradient + noise / small, large: gradient + noise / large };
  const found = noiseScale([expected, expected, expected], { small, large, batches: 3 });
  expect(found.value).toBeCloseTo(noise / gradient, 9);
  expect(found.standardError).toBeCloseTo(0, 9);
  expect(noiseScale([{ small: 8, large: 1 }, { small: 8, large: 1 }], { small, large, batches: 2 }).value).toBe(Infinity);
});

test('means are taken before dividing, not after', () => {
  const sizes = { small: 1, large: 2, batches: 2 };
  const [a, b] = [{ small: 3, large: 2 }, { small: 9, large: 8 }];
  // |G|^2: 1 and 7, S: 2 and 2, so 4 / 8, where the mean of the quotients is 8 / 7.
  expect(noiseScale([a, b], sizes).value).toBeCloseTo(0.5, 12);
});

test('measured on a line, it is what the gradients of all single examples say', async () => {
  const size = 1024;
  const x = Float32Array.from({ length: size }, (_, i) => Math.sin(i * 12.9898));
  const y = x.map((v, i) => 2 * v + Math.cos(i * 78.233));
  const line = data.fromArrays({ x, y, shape: [1], targetShape: [1] });
  const model = nn.sequential([1], nn.linear(1, 1, { bias: false }));
  await model.loadStateDict({ '0.weight': Float32Array.of(0) });
  const gradients = [...x].map((v, i) => -2 * y[i]! * v);
  const mean = gradients.reduce((a, b) => a + b) / size;
  const variance = gradients.reduce((sum, g) => sum + (g - mean) ** 2, 0) / size;
  const sizes = { small: 4, large: 32, batches: 128 };
  const norms = await squaredNorms(model as unknown as nn.Module, optim.sgd(model.parameters(), { lr: 1 }), losses.meanSquaredError, line, sizes, 1);
  const found = noiseScale(norms, sizes);
  expect(Math.abs(found.value / (variance / mean ** 2) - 1)).toBeLessThan(0.2);
  expect(Math.abs(found.value - variance / mean ** 2)).toBeLessThan(4 * found.standardError);
});

const figures = (rates: readonly number[]) =>
  rates.map((examplesPerSecond, i) => ({ batchSize: 8 * 2 ** i, examplesPerSecond, secondsPerStep: (8 * 2 ** i) / examplesPerSecond, temporaryBytes: 1000 * 2 ** i, residentBytes: 50_000 }));
const noise = (value: number) => ({ value, standardError: 1, small: 8, large: 64, batches: 4 });

test('the advice weighs steps against examples per second', () => {
  const flat = figures([100, 100, 100, 100]);
  expect(advise(noise(1), flat, 1e9).advice.batchSize).toBe(8);
  const proportional = figures([100, 200, 400, 800]);
  expect(advise(noise(10_000), proportional, 1e9).advice).toMatchObject({ batchSize: 64, fastEnough: 64 });
  const saturating = figures([100, 200, 300, 310]);
  // (B + 32) / rate: 0.4, 0.24, 0.213, 0.31
  const { advice, relativeTimes } = advise(noise(32), saturating, 1e9);
  expect(advice).toMatchObject({ batchSize: 32, fastEnough: 32 });
  expect(relativeTimes[3]).toBeCloseTo(96 / 310 / (64 / 300), 9);
  expect(advice.reason).toBe(
    '32 reaches a given loss soonest, or within 5 % of that. The gradient noise scale is 32 ± 1 examples: batches well below it need half the steps when doubled, batches well above it as many as before. ' +
      'From 32 on, larger batches hardly raise the examples per second on this machine. Memory is enough for batches of up to about 4,194,304 examples.',
  );
  expect(advise(noise(Infinity), saturating, 1e9).advice).toMatchObject({ batchSize: 32, reason: expect.stringContaining('lost in them') });
});

test('memory ends where the temporaries, which grow with the batch, fill what is left', () => {
  const sizes = figures([100, 100]);
  // 2000 bytes at 16, 48,000 besides: 10,000 more make 96.
  expect(advise(noise(1), sizes, 60_000).advice.memoryEnds).toBe(64);
  expect(advise(noise(1), sizes.map((one) => ({ ...one, temporaryBytes: 0 })), 60_000).advice.memoryEnds).toBe(Infinity);
});

test('sizes beyond the memory are not tried', async () => {
  const { model, optimizer } = subject();
  const report = await adviseBatchSize(model, { loss, optimizer, data: blobs(64, 5), ...quick, memory: 1 });
  if (report.sizes[0]!.temporaryBytes > 0) expect(report.sizes.map(({ batchSize }) => batchSize)).toEqual([8]);
  expect(report.memory).toBe(1);
});

test('it draws its figures, and prints them', async () => {
  const { model, optimizer } = subject();
  const report = await adviseBatchSize(model, { loss, optimizer, data: blobs(64, 5), ...quick });
  expect(report.plot()).toMatch(/>Throughput on this machine<.*>Time to a given loss<.*>Memory</s);
  expect(report.plot()).toContain(`>advised: ${report.batchSize}<`);
  expect(String(report)).toMatch(/^batch size +examples\/s +time to a loss +temporaries +process\n-+\n +8 /);
  expect(String(report)).toMatch(new RegExp(`^ +${report.batchSize} .* advised$`, 'm'));
  expect(String(report).endsWith(`\n\n${report.reason}`)).toBe(true);
});

test('wrong options are said', async () => {
  const { model, optimizer } = subject();
  const options = { loss, optimizer, data: blobs(16, 5) };
  await expect(adviseBatchSize(model, { ...options, sizes: [8, 32] })).rejects.toThrow('[adviseBatchSize] sizes: got [8, 32], expected whole numbers that rise, up to the 16 examples of the data, such as [16, 32, 64].');
  await expect(adviseBatchSize(model, { ...options, batches: 1 })).rejects.toThrow('[adviseBatchSize] batches: got 1, expected an integer of at least 2.');
  await expect(adviseBatchSize(model, { ...options, data: data.loader(blobs(16, 5)) as never })).rejects.toThrow('[adviseBatchSize] data: got an ArrayLoader, expected a dataset');
  await expect(adviseBatchSize(model, { ...options, secondsPerSize: -1 })).rejects.toThrow('[adviseBatchSize] secondsPerSize: got -1, expected a number above 0.');
  await expect(adviseBatchSize(model, { ...options, memory: '1 GB' as never })).rejects.toThrow("[adviseBatchSize] memory: got '1 GB', expected bytes, a number above 0.");
  await expect(adviseBatchSize(model, undefined as never)).rejects.toThrow('[adviseBatchSize] options: got none, expected an object such as { loss: ... }.');
});
