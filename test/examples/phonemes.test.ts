// Words to phonemes: the dictionary, cleaned and split by words, and a short run of the example.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { data } from 'anneal';
import { entries, letters, LONGEST, pairs, partOf, phonemes } from '../../examples/phonemes/dictionary.js';
import { Compiled } from '../../scripts/compiled.js';

const root = join(import.meta.dirname, '../..');
const all = entries();

describe('the dictionary', () => {
  test('has its words, each with the pronunciations that differ, without stress and remarks', () => {
    expect(all.length).toBe(124_918);
    const of = (word: string): string[] => all.find((entry) => entry.word === word)!.pronunciations.map((one) => phonemes.decode(one));
    expect(of('read')).toEqual(['R EH D', 'R IY D']);
    expect(of('aalborg')).toEqual(['AO L B AO R G', 'AA L B AO R G']);
    expect(of("aaronson's")).toEqual(['EH R AH N S AH N Z', 'AA R AH N S AH N Z']);
    // One that differs by stress alone is the same.
    expect(of('abstract').length).toBe(1);
    expect(all.every(({ word, pronunciations }) => word.length <= LONGEST && pronunciations.every((one) => one.length > 0 && one.length <= LONGEST && one.every((token) => token < phonemes.endOfText)))).toBe(true);
  });

  test('is split by words, whatever else it has', () => {
    const parts = { training: 0, validation: 0, test: 0 };
    for (const { word } of all) parts[partOf(word)]++;
    expect(parts).toEqual({ training: 112_286, validation: 6239, test: 6393 });
    expect(['read', 'aalborg', 'zebra', 'kernel'].map(partOf)).toEqual(['validation', 'training', 'training', 'training']);
  });

  test('becomes pairs of which the decoder gets a phoneme later than it is to give it', async () => {
    const some = all.filter(({ word }) => word === 'read');
    for await (const [{ source, sourceLengths, target, targetLengths }, targets] of data.loader(pairs(some, 'some'), { batchSize: 2 })) {
      expect((await source.array()).map((row) => letters.decode([...row].slice(0, 4)))).toEqual(['read', 'read']);
      expect([...(await sourceLengths.data()), ...(await targetLengths.data())]).toEqual([4, 4, 4, 4]);
      expect([...(await target.array())[0]!]).toEqual([phonemes.endOfText, ...phonemes.encode('R EH D'), 0, 0]);
      expect([...(await targets.array())[0]!]).toEqual([...phonemes.encode('R EH D'), phonemes.endOfText, -100, -100]);
    }
  });
});

// The references of eager mode are slow by design, and the examples are of fit().
describe.runIf(process.env['ANNEAL_DEBUG'] !== '1')('the example', () => {
  const compiled = new Compiled();
  const out = mkdtempSync(join(tmpdir(), 'anneal-phonemes-'));
  afterAll(() => {
    compiled.remove();
    rmSync(out, { recursive: true });
  });

  test('trains, says how well it does, and goes on from where it was', { timeout: 120_000 }, async () => {
    const script = await compiled.script(join(root, 'examples/phonemes.ts'));
    const run = (...args: string[]) => spawnSync(process.execPath, [script, '--words', '300', '--epochs', '2', '--width', '16', '--layers', '1', '--beams', '1,3', '--out', out, ...args], { cwd: root, encoding: 'utf8' });
    const { status, stdout, stderr } = run();
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('300 words: ');
    const rates = /phoneme error rate \d+\.\d\d %, word error rate \d+\.\d\d %/;
    expect(stdout).toMatch(new RegExp(`the likeliest phoneme at a time: ${rates.source}\n3 beams: ${rates.source}\nneural: `));
    expect(existsSync(join(out, 'phonemes.safetensors'))).toBe(true);
    const again = run('--resume');
    expect(again.status, again.stderr).toBe(0);
    expect(again.stdout).not.toContain('epoch 0');
    expect(again.stdout.match(new RegExp(rates, 'g'))).toEqual(stdout.match(new RegExp(rates, 'g')));
  });
});
