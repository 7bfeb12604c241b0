import { compareStrategies, losses, metrics, nn, oneHot, optim, softmax, type Comparison, type Parameter, type Strategy, type Tensor } from 'anneal';
import { iris, mnist } from './data.js';

/** Squared error of probabilities, as for a regression on 0 and 1: what cross-entropy is compared with. */
const squaredError = (outputs: Tensor, labels: Tensor): Tensor => {
  const logits = outputs as Tensor<readonly number[], 'float32'>;
  const target = oneHot(labels as Tensor<readonly number[], 'int32'>, logits.shape.at(-1)!).cast('float32') as typeof logits;
  return losses.meanSquaredError(softmax(logits), target) as Tensor;
};

const sgd = (lr: number, momentum = 0) => ({ optimizer: (parameters: Parameter[]) => optim.sgd(parameters, { lr, momentum }) });

/** The four questions, by rates that suit the data. */
function questions({ lr, adam, batchSizes }: { readonly lr: number; readonly adam: number; readonly batchSizes: readonly [number, number, number] }): Readonly<Record<string, Readonly<Record<string, Strategy>>>> {
  const [small, , large] = batchSizes;
  return {
    'decay': {
      'constant rate': sgd(lr, 0.9),
      'a tenth after two thirds': { optimizer: (parameters, { steps }) => optim.sgd(parameters, { lr: optim.schedules.multiStep(lr, [Math.floor((2 * steps) / 3)]), momentum: 0.9 }) },
      'cosine to zero': { optimizer: (parameters, { steps }) => optim.sgd(parameters, { lr: optim.schedules.cosine(lr, steps), momentum: 0.9 }) },
    },
    'batch-size': {
      ...Object.fromEntries(batchSizes.map((batchSize) => [`batches of ${batchSize}`, { batchSize, ...sgd(lr) }])),
      [`batches of ${large}, rate times ${large / small}`]: { batchSize: large, ...sgd((lr * large) / small) },
    },
    'optimizer': {
      'SGD': sgd(lr),
      'SGD with momentum': sgd(lr, 0.9),
      'Adam': { optimizer: (parameters) => optim.adam(parameters, { lr: adam }) },
      'AdamW': { optimizer: (parameters) => optim.adamw(parameters, { lr: adam, weightDecay: 0.01 }) },
    },
    'loss': {
      'cross-entropy': { optimizer: (parameters) => optim.adam(parameters, { lr: adam }), loss: losses.crossEntropy },
      'squared error': { optimizer: (parameters) => optim.adam(parameters, { lr: adam }), loss: squaredError },
    },
  };
}

/** Compares all strategies of all questions on both data sets, by the accuracy on what was held out. */
export async function compareAll(found: (name: string, comparison: Comparison) => void): Promise<void> {
  const digits = await mnist();
  const flowers = iris();
  for (const [name, strategies] of Object.entries(questions({ lr: 0.1, adam: 1e-3, batchSizes: [32, 128, 512] }))) {
    const options = { loss: losses.crossEntropy, data: digits.train, validation: digits.validation, metrics: [metrics.accuracy()], by: 'accuracy', batchSize: 128, epochs: 5, halving: false } as const;
    found(`mnist-${name}`, await compareStrategies(strategies, { ...options, model: () => nn.sequential([784], nn.linear(784, 128), nn.relu(), nn.linear(128, 10)) }));
  }
  for (const [name, strategies] of Object.entries(questions({ lr: 0.05, adam: 1e-2, batchSizes: [5, 20, 60] }))) {
    const options = { loss: losses.crossEntropy, data: flowers.train, validation: flowers.validation, metrics: [metrics.accuracy()], by: 'accuracy', batchSize: 20, epochs: 30, seeds: [1, 2, 3, 4, 5], halving: false } as const;
    found(`iris-${name}`, await compareStrategies(strategies, { ...options, model: () => nn.sequential([4], nn.linear(4, 16), nn.relu(), nn.linear(16, 3)) }));
  }
}
