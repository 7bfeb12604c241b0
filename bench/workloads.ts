/** Workloads of bench/steps.ts, on both sides: steps-worker.ts and peers/torch_steps.py are told of them. */
export type Work =
  | { readonly kind: 'mlp'; readonly sizes: readonly number[]; readonly batch: number; readonly loss: 'crossEntropy' | 'mse' }
  | { readonly kind: 'images'; readonly net: 'lenet' | 'resnet14' | 'resnet18'; readonly batch: number; readonly training: boolean }
  | ({ readonly kind: 'gpt'; readonly batch: number } & GptSizes)
  /** Texts of so many tokens, from one on, a step being a token of each. */
  | ({ readonly kind: 'generate'; readonly batch: number; readonly tokens: number } & GptSizes)
  /** Causal; with gradients where it trains. */
  | { readonly kind: 'attention'; readonly batch: number; readonly heads: number; readonly length: number; readonly features: number; readonly training: boolean }
  | { readonly kind: 'adam'; readonly tensors: number; readonly size: number }
  | { readonly kind: 'crossEntropy'; readonly rows: number; readonly classes: number }
  /** linear without a bias, its cross-entropy, and the gradients of features and weight. */
  | { readonly kind: 'head'; readonly rows: number; readonly features: number; readonly classes: number };

/** Sizes of examples/models/gpt.ts. */
interface GptSizes {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly context: number;
  readonly vocabulary: number;
}

export interface Workload {
  readonly name: string;
  readonly work: Work;
  /** Unit in which pages show its times. Default 'ms'. */
  readonly unit?: 'us';
  /** Number of things that a step makes: pages show how many that are in a second. */
  readonly makes?: number;
  /** Goals for PyTorch's time over ours, on 1 and on 2 threads, in the explicit loop and through fit. */
  readonly loop?: readonly [number, number];
  readonly fit?: readonly [number, number];
}

const mlp = (batch: number): Work => ({ kind: 'mlp', sizes: [784, 512, 256, 10], batch, loss: 'crossEntropy' });
const logits = (rows: number, classes: number): Workload => ({
  name: `cross-entropy ${rows}x${classes}`,
  work: { kind: 'crossEntropy', rows, classes },
  loop: [5, 5],
});

const network = (name: string, net: 'lenet' | 'resnet14' | 'resnet18', batch: number, goal: number): Workload[] => [
  { name: `${name} batch ${batch}`, work: { kind: 'images', net, batch, training: true }, loop: [goal, goal] },
  { name: `${name} inference of one`, work: { kind: 'images', net, batch: 1, training: false }, unit: 'us', loop: [1.5, 1.5] },
];

/** Dense networks, the optimizer and the loss, also of the head of a large vocabulary. */
export const dense: readonly Workload[] = [
  { name: 'MLP batch 1', work: mlp(1), loop: [1.8, 2.5] },
  { name: 'MLP batch 8', work: mlp(8), loop: [1.8, 2.5] },
  { name: 'MLP batch 32', work: mlp(32), loop: [1.3, 1.5] },
  { name: 'MLP batch 128', work: mlp(128), loop: [1.1, 1.2] },
  { name: 'MLP batch 512', work: mlp(512), loop: [1, 1.05] },
  { name: 'MLP batch 2048', work: mlp(2048), loop: [1, 1.05] },
  { name: 'wide MLP batch 256', work: { kind: 'mlp', sizes: [1024, 4096, 4096, 1024], batch: 256, loss: 'mse' }, loop: [1, 1] },
  { name: '4-16-3 batch 16', work: { kind: 'mlp', sizes: [4, 16, 3], batch: 16, loss: 'crossEntropy' }, loop: [10, 10], fit: [50, 50] },
  { name: 'Adam, 1 tensor of 1 M', work: { kind: 'adam', tensors: 1, size: 1_000_000 } },
  { name: 'Adam, 25 tensors of 1 M', work: { kind: 'adam', tensors: 25, size: 1_000_000 } },
  { name: 'Adam, 1,000 tensors of 100', work: { kind: 'adam', tensors: 1000, size: 100 } },
  logits(128, 10),
  logits(2048, 1000),
  logits(768, 50257),
  { name: 'linear and cross-entropy 2048x768x50257', work: { kind: 'head', rows: 2048, features: 768, classes: 50257 }, loop: [1.3, 1.3] },
];

const small: GptSizes = { layers: 4, heads: 4, width: 128, context: 64, vocabulary: 65 };
const medium: GptSizes = { layers: 6, heads: 6, width: 384, context: 256, vocabulary: 65 };
const gpt2: GptSizes = { layers: 12, heads: 12, width: 768, context: 1024, vocabulary: 50257 };

/** Steps of the GPT of examples/gpt.ts, and of a larger one. */
export const language: readonly Workload[] = [
  { name: 'GPT 4 x 128, context 64, batch 12', work: { kind: 'gpt', batch: 12, ...small }, loop: [1.4, 1.4] },
  { name: 'GPT 6 x 384, context 256, batch 12', work: { kind: 'gpt', batch: 12, ...medium }, loop: [1.3, 1.3] },
];

const attend = (batch: number, length: number, features: number): Workload[] =>
  [false, true].map((training) => ({
    name: `attention ${batch}x4x${length}x${features}${training ? ', with gradients' : ''}`,
    work: { kind: 'attention', batch, heads: 4, length, features, training },
    unit: 'us',
    loop: [1.5, 1.5],
  }));

/** Causal attention alone: examples x heads x positions x features. */
export const attention: readonly Workload[] = [32, 64].flatMap((features) => [...attend(12, 64, features), ...attend(4, 256, features), ...attend(1, 1024, features), ...attend(1, 4096, features)]);

const generate = (name: string, sizes: GptSizes, batch: number): Workload => ({
  name: `GPT ${name}, ${batch === 1 ? 'one text' : `${batch} texts`}`,
  work: { kind: 'generate', batch, tokens: Math.min(sizes.context - 1, 128), ...sizes },
  unit: 'us',
  makes: batch,
  ...(batch === 1 ? { loop: [2, 2] as const } : {}),
});

/** Tokens that GPTs write, the last one of the size of GPT-2's smallest. */
export const generation: readonly Workload[] = [1, 8].flatMap((batch) => [generate('4 x 128', small, batch), generate('6 x 384', medium, batch), generate('12 x 768', gpt2, batch)]);

/** Convolutional networks: a step of a batch, and the outputs of one image. */
export const images: readonly Workload[] = [...network('LeNet', 'lenet', 64, 1.4), ...network('ResNet-14', 'resnet14', 64, 1.4), ...network('ResNet-18', 'resnet18', 8, 1.1)];
