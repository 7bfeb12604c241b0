import { data, losses, metrics, nn, optim, Predictor, save, seed, Trainer, type Tensor } from 'anneal';
import { loans } from './loans.js';

export interface TrainOptions {
  /** Path of the model's file. */
  readonly path: string;
  /** Number of the model, and of the loans that it learns from. */
  readonly generation: number;
  readonly rows: number;
  readonly epochs: number;
  readonly width: number;
}

/** Trains a model on the loans of a generation, fits temperature and threshold on others, saves all of it in one file, and says how good it is on others yet. */
export async function trainNext({ path, generation, rows, epochs, width }: TrainOptions, signal?: AbortSignal): Promise<{ readonly accuracy: number; readonly calibrationError: number }> {
  seed(generation);
  const { train, validation, test, pipeline } = await data.table(loans(rows, generation), {
    numeric: ['amount', 'months', 'income'],
    categorical: ['purpose'],
    target: { repaid: 'category' },
    split: { validation: 0.2, test: 0.2, stratify: true },
  });
  const features = pipeline.featureNames.length;
  const model = nn.sequential([features], nn.linear(features, width), nn.relu(), nn.linear(width, width), nn.relu(), nn.linear(width, 2));
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adamw(model.parameters(), { lr: 1e-3 }), metrics: [metrics.accuracy(), metrics.calibrationError()] });
  await trainer.fit(train, { epochs, batchSize: 128, shuffle: true, signal });

  const logits = await (await trainer.predict(validation)).array();
  const [all] = [...data.loader(validation, { batchSize: validation.size })];
  const known = await (all![1] as Tensor).data();
  const { temperature } = metrics.calibrate({ logits, labels: known });
  const calibrated = await new Predictor(model, { pipeline, temperature }).classify(validation);
  // A loan that is lost costs as much as ten that are refused bring.
  const { threshold } = metrics.bestThreshold({ scores: calibrated.map(({ probabilities }) => probabilities['yes']!), labels: known }, { costs: { falsePositive: 10, falseNegative: 1 } });
  await save(model, path, { pipeline, temperature, threshold, metadata: { generation: String(generation) } });
  const { accuracy, calibrationError } = await trainer.evaluate(test);
  return { accuracy, calibrationError };
}
