// anneal's side of bench/steps.ts, as a user writes it, over data that stays.
import { add, data, linear, losses, mul, nn, noGrad, optim, Parameter, scaledDotProductAttention, seed, synchronize, sum, tensor, text, Trainer, type Tensor } from 'anneal';
import { Gpt } from '../examples/models/gpt.js';
import { lenet } from '../examples/models/lenet.js';
import { resnet18 } from '../examples/models/resnet.js';
import { smallResNet } from '../examples/models/small-resnet.js';
import { serve } from './peer.js';
import type { Work } from './workloads.js';

type Way = 'loop' | 'fit';
type Mlp = Extract<Work, { kind: 'mlp' }>;

interface Prepare {
  readonly prepare: Work;
  readonly way: Way;
  readonly warmup: number;
}

interface Run {
  readonly run: number;
}

/** Trains for about that many steps; returns the milliseconds of one. */
type Training = (steps: number) => Promise<number>;

const numbers = (n: number): Float32Array => Float32Array.from({ length: n }, Math.random);
const classesOf = (n: number, classes: number): Int32Array => Int32Array.from({ length: n }, () => Math.floor(Math.random() * classes));

function perceptron({ sizes, loss }: Mlp) {
  const layers = sizes.slice(1).flatMap((to, i) => [nn.linear(sizes[i]!, to), nn.relu()]);
  const model = nn.sequential([sizes[0]!], layers.slice(0, -1));
  const optimizer = optim.adam(model.parameters(), { lr: 1e-3 });
  const lossOf: losses.Loss = loss === 'mse' ? losses.meanSquaredError : losses.crossEntropy;
  return { model, optimizer, lossOf, from: sizes[0]!, to: sizes.at(-1)! };
}

/** The explicit loop over one batch. */
function mlpLoop(work: Mlp): Training {
  const { model, optimizer, lossOf, from, to } = perceptron(work);
  const inputs = tensor(numbers(work.batch * from), { shape: [work.batch, from] });
  const targets = work.loss === 'mse' ? tensor(numbers(work.batch * to), { shape: [work.batch, to] }) : tensor(classesOf(work.batch, to));
  return repeat(async () => {
    const loss = lossOf(model.forward(inputs), targets);
    optimizer.zeroGrad();
    loss.backward();
    await optimizer.step();
  });
}

/** Trainer.fit over 256 batches, shuffled. */
function mlpFit(work: Mlp): Training {
  const { model, optimizer, lossOf, from, to } = perceptron(work);
  const steps = 256;
  const examples = steps * work.batch;
  const train = data.fromArrays({ x: numbers(examples * from), y: classesOf(examples, to), shape: [from] });
  const trainer = new Trainer(model, { loss: lossOf, optimizer });
  return async (wanted) => {
    const epochs = Math.max(1, Math.round(wanted / steps));
    const start = performance.now();
    await trainer.fit(train, { epochs, batchSize: work.batch, shuffle: true, seed: 1 });
    return (performance.now() - start) / (epochs * steps);
  };
}

const NETS = {
  lenet: { make: () => lenet(), image: [1, 28, 28], classes: 10 },
  resnet14: { make: () => smallResNet([3, 32, 32], 10, { widths: [16, 32, 64], blocks: 2 }), image: [3, 32, 32], classes: 10 },
  resnet18: { make: () => resnet18(), image: [3, 224, 224], classes: 1000 },
} as const;

/** Steps with Adam, or outputs in evaluation, of a convolutional network over one batch. */
function overImages({ net, batch, training }: Extract<Work, { kind: 'images' }>): Training {
  const { make, image, classes } = NETS[net];
  const model: nn.Module = make();
  const shape = [batch, ...image];
  const inputs: Tensor = tensor(numbers(shape.reduce((product, dim) => product * dim, 1)), { shape });
  if (!training) {
    model.eval();
    return repeat(async () => {
      const outputs = noGrad(() => model.forward(inputs));
      await outputs.data();
      outputs.dispose();
    });
  }
  const optimizer = optim.adam(model.parameters(), { lr: 1e-3 });
  const targets = tensor(classesOf(batch, classes));
  return repeat(async () => {
    const loss = losses.crossEntropy(model.forward(inputs) as Tensor<[number, number]>, targets);
    optimizer.zeroGrad();
    loss.backward();
    await optimizer.step();
  });
}

/** Steps of examples/gpt.ts over one batch. */
function gpt({ batch, ...sizes }: Extract<Work, { kind: 'gpt' }>): Training {
  const { context, vocabulary } = sizes;
  const model = new Gpt(sizes);
  const optimizer = optim.adamw(model.parameters(), { lr: 1e-3, betas: [0.9, 0.99], weightDecay: 0.1, groups: [{ match: /norm/, weightDecay: 0 }], clip: { globalNorm: 1 } });
  const drawn = () => tensor(classesOf(batch * context, vocabulary), { shape: [batch, context] });
  const [tokens, targets] = [drawn(), drawn()];
  return repeat(async () => {
    const loss = losses.crossEntropy(model.forward(tokens as Tensor), targets);
    optimizer.zeroGrad();
    loss.backward();
    await optimizer.step();
  });
}

/** Causal attention, with its gradients where it trains. */
function attention({ batch, heads, length, features, training }: Extract<Work, { kind: 'attention' }>): Training {
  const shape = [batch, heads, length, features];
  const size = batch * heads * length * features;
  const operands = new Holder(3, shape).parameters();
  const [query, key, value] = operands as [Parameter, Parameter, Parameter];
  const attended = (): Tensor => scaledDotProductAttention(query, key, value, { isCausal: true }) as Tensor;
  if (!training) {
    return repeat(async () => {
      await noGrad(() => sum(attended())).item();
    });
  }
  const slopes = tensor(numbers(size), { shape });
  const optimizer = optim.sgd(operands, { lr: 1 });
  return repeat(async () => {
    optimizer.zeroGrad();
    const loss = sum(mul(attended(), slopes));
    loss.backward();
    for (const operand of operands) void operand.grad;
    await synchronize();
    loss.dispose();
  });
}

/** A token of each text in turn; texts begin anew where they end. */
function generate({ batch, tokens, ...sizes }: Extract<Work, { kind: 'generate' }>): Training {
  const model = new Gpt(sizes);
  const prompts = Array.from({ length: batch }, () => [1]);
  let texts: AsyncIterator<unknown> | undefined;
  return repeat(async () => {
    for (let i = 0; i < batch; ) {
      texts ??= text.generate(model, prompts, { maxTokens: tokens, temperature: 0 })[Symbol.asyncIterator]();
      if ((await texts.next()).done === true) texts = undefined;
      else i++;
    }
  });
}

class Holder extends nn.Module {
  readonly held: Parameter[];

  constructor(count: number, shape: readonly number[]) {
    super();
    const size = shape.reduce((product, dim) => product * dim, 1);
    this.held = Array.from({ length: count }, () => new Parameter(shape, () => tensor(numbers(size), { shape })));
  }

  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Adam alone: gradients are computed ahead, and only step() is timed. */
function adam({ tensors, size }: Extract<Work, { kind: 'adam' }>): Training {
  const model = new Holder(tensors, [size]);
  const optimizer = optim.adam(model.parameters(), { lr: 1e-3 });
  const factors = model.held.map(() => tensor(numbers(size)));
  return async (steps) => {
    let ms = 0;
    for (let i = 0; i < steps; i++) {
      const loss = sum(model.held.map((p, k) => mul(p, factors[k]!)).reduce((total, one) => add(total, one)));
      optimizer.zeroGrad();
      loss.backward();
      for (const p of model.held) void p.grad;
      await synchronize();
      loss.dispose();
      const start = performance.now();
      await optimizer.step();
      ms += performance.now() - start;
    }
    return ms / steps;
  };
}

/** The loss's gradient with respect to the logits. */
function crossEntropy({ rows, classes }: Extract<Work, { kind: 'crossEntropy' }>): Training {
  const model = new Holder(1, [rows, classes]);
  const logits = model.parameters()[0]!;
  const optimizer = optim.sgd([logits], { lr: 1 });
  const labels = tensor(classesOf(rows, classes));
  return repeat(async () => {
    optimizer.zeroGrad();
    const loss = losses.crossEntropy(logits, labels);
    loss.backward();
    void logits.grad;
    await synchronize();
    loss.dispose();
  });
}

/** A linear layer and the loss of what it gives, with the gradients of its operands. */
function head({ rows, features, classes }: Extract<Work, { kind: 'head' }>): Training {
  const [x, weight] = [[rows, features], [classes, features]].map((shape) => new Holder(1, shape).parameters()[0]!) as [Parameter, Parameter];
  const optimizer = optim.sgd([x, weight], { lr: 1 });
  const labels = tensor(classesOf(rows, classes));
  return repeat(async () => {
    optimizer.zeroGrad();
    const loss = losses.crossEntropy(linear(x, weight), labels);
    loss.backward();
    void x.grad;
    void weight.grad;
    await synchronize();
    loss.dispose();
  });
}

const repeat = (step: () => Promise<void>): Training => async (steps) => {
  const start = performance.now();
  for (let i = 0; i < steps; i++) await step();
  return (performance.now() - start) / steps;
};

function training(work: Work, way: Way): Training {
  seed(0);
  switch (work.kind) {
    case 'mlp':
      return way === 'fit' ? mlpFit(work) : mlpLoop(work);
    case 'images':
      return overImages(work);
    case 'gpt':
      return gpt(work);
    case 'generate':
      return generate(work);
    case 'attention':
      return attention(work);
    case 'adam':
      return adam(work);
    case 'crossEntropy':
      return crossEntropy(work);
    case 'head':
      return head(work);
  }
}

let train: Training | undefined;

await serve(async (message: Prepare | Run | { readonly peak: true }) => {
  if ('peak' in message) return { megabytes: process.resourceUsage().maxRSS / 1024 };
  if ('prepare' in message) train = training(message.prepare, message.way);
  return { ms: await train!('prepare' in message ? message.warmup : message.run) };
});
