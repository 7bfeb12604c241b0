/**
 * Trains a transformer with an encoder and a decoder to say how English words are pronounced, and measures the error rates of phonemes and of words on words that it has not seen.
 *
 *     npm run example:phonemes
 *     npm run example:phonemes -- --resume                 # goes on where it was stopped
 *     npm run example:phonemes -- --resume --say 'transformer,gradient'      # says further words, once it is trained
 *
 * The data is the CMU Pronouncing Dictionary, from the npm package cmu-pronouncing-dictionary; 3 + 3 layers of 4 heads, 128 wide. The model goes to build/examples/phonemes.
 *
 * Expected: error rates of 8.0 % of the phonemes and 32.6 % of the words of the test part; docs/language.md has what others make of this dictionary. It takes about ten minutes on one thread of a quiet machine.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { losses, metrics, optim, save, seed, train, Trainer } from 'anneal';
import { EncoderDecoder } from './models/encoder-decoder.js';
import { entries, letters, LONGEST, pairs, partOf, phonemes } from './phonemes/dictionary.js';
import { errorRates, pronounce } from './phonemes/evaluate.js';

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '8' },
    words: { type: 'string', default: '1000000' },
    layers: { type: 'string', default: '3' },
    heads: { type: 'string', default: '4' },
    width: { type: 'string', default: '128' },
    lr: { type: 'string', default: '1e-3' },
    beams: { type: 'string', default: '1,5' },
    seed: { type: 'string', default: '1' },
    say: { type: 'string', default: 'neural,network,kernel,typescript' },
    resume: { type: 'boolean', default: false },
    out: { type: 'string', default: 'build/examples/phonemes' },
  },
});
const [epochs, batchSize, runSeed] = [Number(values.epochs), 128, Number(values.seed)];
const all = entries().slice(0, Number(values.words));
const [training, validation, test] = (['training', 'validation', 'test'] as const).map((part) => all.filter(({ word }) => partOf(word) === part)) as [typeof all, typeof all, typeof all];
const known = pairs(training, 'training');
console.log(`${all.length} words: ${training.length} to train with (${known.size} pronunciations), ${validation.length} to validate, ${test.length} to test`);

seed(runSeed);
const model = new EncoderDecoder({ source: letters.size, target: phonemes.size, context: LONGEST + 1, layers: Number(values.layers), heads: Number(values.heads), width: Number(values.width), dropout: 0.1 });
const steps = epochs * Math.ceil(known.size / batchSize);
const warmup = Math.min(1000, steps >> 2);
const optimizer = optim.adamw(model.parameters(), { lr: optim.schedules.warmup(warmup, optim.schedules.cosine(Number(values.lr), steps - warmup)), betas: [0.9, 0.98], weightDecay: 0.01, clip: { globalNorm: 1 } });
const trainer = new Trainer(model, { loss: losses.crossEntropy.with({ labelSmoothing: 0.1, ignoreIndex: -100 }), optimizer, metrics: [metrics.perplexity({ ignoreIndex: -100 })] });
await trainer.fit(known, {
  epochs, batchSize, shuffle: true, seed: runSeed,
  validation: pairs(validation, 'validation'),
  checkpoint: { dir: join(values.out, 'checkpoints'), everySeconds: 60, everyEpochs: 1, keep: { last: 2 } },
  ...(values.resume ? { resume: 'latest' } : {}),
  callbacks: [train.progress()],
});
await save(model, join(values.out, 'phonemes.safetensors'));

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
for (const beams of values.beams.split(',').map(Number)) {
  const rates = await errorRates(model, test, beams);
  console.log(`${beams === 1 ? 'the likeliest phoneme at a time' : `${beams} beams`}: phoneme error rate ${percent(rates.phonemes)}, word error rate ${percent(rates.words)}`);
}
const words = values.say.split(',');
const said = await pronounce(model, words, 5);
words.forEach((word, i) => console.log(`${word}: ${phonemes.decode(said[i]!)}`));
