// Text as windows of tokens: pieces that end anywhere, documents and their borders, order by seed and epoch, what is broken.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { documentsOf } from '../../src/data/documents.js';
import { wholeCharacters } from '../../src/data/utf8.js';
import { data, text, type Tensor } from 'anneal';

const folder = mkdtempSync(join(tmpdir(), 'from-text-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bytes = text.bytes();
const letters = text.characters('abcdefghijklmnopqrstuvwxyz .\n');

/** Windows of one epoch, as texts: 'inputs>targets'. */
async function windows(stream: data.TextStream, tokenizer: text.Tokenizer = letters, loader = data.loader(stream, { batchSize: 3 })): Promise<string[]> {
  const shown: string[] = [];
  const show = (tokens: number[]): string => tokens.map((token) => (token < 0 ? '_' : token === tokenizer.endOfText ? '|' : tokenizer.decode([token]))).join('');
  for await (const [x, y] of loader) {
    const [inputs, targets] = (await Promise.all([(x as Tensor).array(), (y as Tensor).array()])) as [number[][], number[][]];
    inputs.forEach((input, i) => shown.push(`${show(input)}>${show(targets[i]!)}`));
  }
  return shown;
}
const of = (source: data.TextSource, options: Partial<data.TextOptions> = {}): data.TextStream => data.fromText(source, { tokenizer: letters, context: 4, ...options });

describe('windows', () => {
  test('follow each other, each with the token behind every input; what fills none is left out', async () => {
    expect(await windows(of(() => ['abcdefghijk']))).toEqual(['abcd>bcde', 'efgh>fghi']);
    expect(await windows(of(() => ['abcdefghi']))).toEqual(['abcd>bcde', 'efgh>fghi']);
    expect(await windows(of(() => ['abcdefgh']))).toEqual(['abcd>bcde']);
  });

  test('overlap by a stride, or leave tokens out', async () => {
    expect(await windows(of(() => ['abcdefgh'], { stride: 2 }))).toEqual(['abcd>bcde', 'cdef>defg']);
    expect(await windows(of(() => ['abcdefghijkl'], { stride: 6 }))).toEqual(['abcd>bcde', 'ghij>hijk']);
  });

  test('are the same however the text is cut into pieces', async () => {
    const whole = 'aé😀b\u{1F469}\u200D\u{1F680}cdß€ fghij';
    const encoded = Buffer.from(whole);
    const expected = await windows(of(() => [whole], { tokenizer: bytes }), bytes);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(encoded.length), { maxLength: 6 }), fc.boolean(), async (cuts, asText) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), encoded.length];
        const pieces = asText ? at.slice(1).map((to, i) => whole.slice(Math.min(at[i]!, whole.length), to)) : at.slice(1).map((to, i) => encoded.subarray(at[i]!, to));
        expect(await windows(of(() => pieces, { tokenizer: bytes }), bytes)).toEqual(expected);
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  test('of words are cut where words end', async () => {
    const words = text.words('to be or not to be that is the question');
    const whole = 'to be or not to be  that is the question to be';
    const expected = await windows(of(() => [whole], { tokenizer: words }), words);
    for (let at = 1; at < whole.length; at++) expect(await windows(of(() => [whole.slice(0, at), whole.slice(at)], { tokenizer: words }), words)).toEqual(expected);
  });

  test('come from files, from an async iterable, and from what is fetched', async () => {
    writeFileSync(join(folder, 'a.txt'), '\uFEFFabcdefghi');
    expect(await windows(of(join(folder, 'a.txt')))).toEqual(['abcd>bcde', 'efgh>fghi']);
    async function* pieces() {
      yield 'abcd';
      yield Buffer.from('efghi');
    }
    expect(await windows(of(() => pieces()))).toEqual(['abcd>bcde', 'efgh>fghi']);
    expect(await windows(of(() => new Response('abcdefghi').body as unknown as data.TextPieces))).toEqual(['abcd>bcde', 'efgh>fghi']);
  });
});

describe('documents', () => {
  const ended = text.characters('abcdefghijklmnopqrstuvwxyz .\n', { endOfText: true });

  test('are packed, each behind the end of the one before', async () => {
    const options = { tokenizer: ended, separator: '\n\n' };
    expect(await windows(of(() => ['abc\n\ndefg', '\n', '\nhij'], options), ended)).toEqual(['abc|>bc|d', 'defg>efg|', '|hij>hij|']);
    expect(await windows(of(() => ['\n\nabc\n\n\n\ndefghij'], options), ended)).toEqual(['abc|>bc|d', 'defg>efgh']);
  });

  test('are apart, with no targets behind their ends', async () => {
    const options = { tokenizer: ended, separator: '\n\n', packing: false };
    expect(await windows(of(() => ['abc\n\ndefghij\n\nk'], options), ended)).toEqual(['abc|>bc|_', 'defg>efgh', 'hij|>ij|_', 'k|||>|___']);
    expect(await windows(of(() => ['abc\n\nd\n\nefg'], { ...options, tokenizer: letters }))).toEqual(['ab\n\n>bc__'.replace('\n\n', 'aa'), 'efaa>fg__'].map((one) => one.replaceAll('aa', '\n\n')));
  });

  test('have whole characters, however long the separator and wherever pieces end', async () => {
    expect(await windows(of(() => ['abc 😀'], { tokenizer: bytes, separator: '\n\n' }), bytes)).toHaveLength(1);
    const whole = '😀a😀\n\n\n--😀😀--\n--b😀--\n\n--😀';
    for (const separator of ['\n', '\n\n', '--\n--', '😀\n', '😀😀', 'no such separator']) {
      for (const source of [whole, Buffer.from(whole)]) {
        for (let size = 1; size <= 9; size++) {
          const pieces = Array.from({ length: Math.ceil(source.length / size) }, (_, i) => source.slice(i * size, (i + 1) * size));
          const documents: string[] = [];
          for await (const { document, text: part } of documentsOf(wholeCharacters('test', 'pieces', pieces), separator, 0)) {
            expect(part).not.toMatch(/\p{Surrogate}/u);
            documents[document] = (documents[document] ?? '') + part;
          }
          expect(documents).toEqual(whole.split(separator).filter((one) => one !== ''));
        }
      }
    }
  });

  test('of several files are one each', async () => {
    writeFileSync(join(folder, '1.txt'), 'abc');
    writeFileSync(join(folder, '2.txt'), 'defgh');
    expect(await windows(of([join(folder, '1.txt'), join(folder, '2.txt')], { tokenizer: ended }), ended)).toEqual(['abc|>bc|d', 'defg>efgh']);
  });

  test('are split by the seed, none in both parts and none in neither', async () => {
    const all = Array.from({ length: 200 }, (_, i) => [i % 26, Math.floor(i / 26) % 26, 3, 4, 5].map((k) => String.fromCharCode(97 + k)).join(''));
    const stream = of(() => [all.join('\n\n')], { separator: '\n\n', packing: false });
    const [train, validation] = stream.split(0.8, { seed: 1 });
    const [first, second] = [await windows(train), await windows(validation)];
    expect([...first, ...second].toSorted()).toEqual((await windows(stream)).toSorted());
    expect(first.length).toBeGreaterThan(140);
    expect(first.length).toBeLessThan(180);
    expect(await windows(stream.split(0.8, { seed: 2 })[1])).not.toEqual(second);
    expect(await windows(stream.split(0.8, { seed: 1 })[1])).toEqual(second);
    const [half] = train.split(0.5, { seed: 1 });
    expect((await windows(half)).every((one) => first.includes(one))).toBe(true);
  });

  test('say what their windows depend on, by which a checkpoint knows them', () => {
    const described = (options: Partial<data.TextOptions>): unknown => JSON.parse(JSON.stringify(of(['a', 'b'], options)));
    expect(described({ separator: '\n', shuffle: true, seed: 3 })).toMatchObject({ shape: [4], tokens: letters.size, endOfText: null, stride: 4, separator: '\n', packing: true, shuffleBuffer: 8192, shift: false, seed: 3, parts: [] });
    for (const other of [{ seed: 1 }, { stride: 2 }, { shift: true }, { packing: false }, { shuffle: true }, { separator: ' ' }, { tokenizer: bytes }, { tokenizer: text.characters('Abcdefghijklmnopqrstuvwxyz .\n') }]) expect(described(other), JSON.stringify(other)).not.toEqual(described({}));
    const [first, second] = of(['a', 'b']).split(0.5, { seed: 2 }).map((part) => JSON.parse(JSON.stringify(part)) as { parts: unknown });
    expect([first!.parts, second!.parts]).toEqual([[{ seed: 2, from: 0, to: 0.5 }], [{ seed: 2, from: 0.5, to: 1 }]]);
  });

  test('of files are split as well', async () => {
    const paths = Array.from({ length: 60 }, (_, i) => {
      writeFileSync(join(folder, `part-${i}.txt`), `${String.fromCharCode(97 + (i % 26))}bcdefg`);
      return join(folder, `part-${i}.txt`);
    });
    const [train, validation] = of(paths, { packing: false }).split(0.5, { seed: 3 });
    const [first, second] = [(await windows(train)).length, (await windows(validation)).length];
    expect(first + second).toBe(120);
    expect(Math.min(first, second)).toBeGreaterThan(36);
  });
});

describe('the order', () => {
  const long = Array.from({ length: 401 }, (_, i) => String.fromCharCode(97 + ((i * 7) % 26))).join('');

  test('is shuffled by seed and epoch, whole', async () => {
    const plain = await windows(of(() => [long]));
    const loader = data.loader(of(() => [long], { shuffle: true, shuffleBuffer: 30, seed: 5 }), { batchSize: 3 });
    const [first, second] = [await windows(undefined as never, letters, loader), await windows(undefined as never, letters, loader)];
    expect(first).not.toEqual(plain);
    expect(second).not.toEqual(first);
    for (const epoch of [first, second]) expect(epoch.toSorted()).toEqual(plain.toSorted());
    expect(await windows(of(() => [long], { shuffle: true, shuffleBuffer: 30, seed: 5 }))).toEqual(first);
    expect(await windows(of(() => [long], { shuffle: true, shuffleBuffer: 30, seed: 6 }))).not.toEqual(first);
  });

  test('begins elsewhere in each epoch with a shift', async () => {
    const loader = data.loader(of(() => [long], { shift: true, context: 8 }), { batchSize: 3 });
    const firsts: string[] = [];
    for (let epoch = 0; epoch < 6; epoch++) firsts.push((await windows(undefined as never, letters, loader))[0]!.slice(0, 8));
    expect(new Set(firsts).size).toBeGreaterThan(2);
    for (const one of firsts) expect(long.indexOf(one)).toBeLessThan(8);
  });

  test('goes on from where a loader stood', async () => {
    const make = () => data.loader(of(() => [long], { shuffle: true, shift: true, seed: 2 }), { batchSize: 7 });
    const loader = make();
    await windows(undefined as never, letters, loader);
    let step = 0;
    for await (const _ of loader) if (++step === 4) break;
    const rest = make();
    rest.loadStateDict(loader.stateDict());
    const whole = make();
    await windows(undefined as never, letters, whole);
    expect(await windows(undefined as never, letters, rest)).toEqual((await windows(undefined as never, letters, whole)).slice(28));
  });
});

describe('what is broken', () => {
  const failing = async (stream: data.TextStream): Promise<string> => windows(stream, bytes).then(() => 'nothing', (error: unknown) => String(error));

  test('is named with the byte', async () => {
    writeFileSync(join(folder, 'latin1.txt'), Buffer.from([97, 98, 0xe9, 99, 100]));
    expect(await failing(of(join(folder, 'latin1.txt'), { tokenizer: bytes }))).toBe(`FileFormatError: [data.fromText] ${join(folder, 'latin1.txt')} is no UTF-8: got bytes at position 2 that belong to no character, expected text. Convert it, or correct that place.`);
    const broken: [number, number[][]][] = [[1, [[97, 0xf0, 0x9f], [0x98, 97, 98]]], [1, [[97], [0xf0], [0x9f], [0x41]]], [6, [[97, 0xc3, 0xa9, 98, 99], [100, 0xff]]], [2, [[97, 98, 0xe2, 0x82]]]];
    for (const [at, pieces] of broken) expect(await failing(of(() => pieces.map((piece) => Uint8Array.from(piece)), { tokenizer: bytes }))).toContain(`is no UTF-8: got bytes at position ${at} that belong to no character`);
  });

  test.each<[string, data.TextSource, Partial<data.TextOptions>, string]>([
    ['half of a pair', () => ['abc\ud83d'], {}, "DataError: [data.fromText] stream 'text' is broken: got half of a surrogate pair (U+D83D)"],
    ['half of a pair, the other behind bytes', () => ['a\ud83d', Buffer.from('b'), '\ude00cde'], {}, "DataError: [data.fromText] stream 'text' is broken: got half of a surrogate pair (U+D83D)"],
    ['bytes of a character, its others behind a string', () => [Uint8Array.of(97, 0xe4), 'b', Uint8Array.of(0xbd, 0xa0, 97, 98)], {}, 'is no UTF-8: got bytes at position 1 that belong to no character'],
    ['no pieces', (() => 3) as never, {}, "DataError: [data.fromText] stream 'text': its function gave 3, expected an iterable of strings or bytes, as in () => [text]."],
    ['pieces that are none', (() => [3]) as never, {}, "DataError: [data.fromText] stream 'text' gave 3, expected strings or bytes (Uint8Array)."],
    ['nothing', () => [], {}, "DataError: [data.fromText] stream 'text' has no window: got fewer than 5 tokens, expected at least that many. Take more text, or a smaller context."],
    ['an empty text', () => [''], { shuffle: true }, "has no window: got fewer than 5 tokens"],
    ['a character that the vocabulary has not', () => ['abcÄ'], { tokenizer: letters }, 'DataError: [encode] the vocabulary has no character for what stands at position'],
    ['a token out of range', () => ['abc'], { tokenizer: { size: 3, encode: () => [0, 3], decode: () => '' } }, "IndexError: [data.fromText] stream 'text': the tokenizer gave the token 3, expected an integer in [0, 3), its size."],
    ['a file that is not there', '/nowhere/at/all.txt', {}, 'ENOENT'],
  ])('%s', async (_, source, options, message) => expect(await failing(of(source, { tokenizer: bytes, ...options }))).toContain(message));

  test('a part without documents says so', async () => {
    const [, none] = of(() => ['abcdefghi'], { tokenizer: bytes, separator: '\n' }).split(0.999, { seed: 0 });
    expect(await failing(none)).toContain("stream 'text, second part' has no window: got fewer than 5 tokens in its documents, expected at least that many. Split otherwise, or into parts of more documents: { separator }.");
  });

  test.each<[() => unknown, string]>([
    [() => data.fromText('a', {} as never), '[data.fromText] tokenizer: got undefined, expected one with size, encode() and decode()'],
    [() => data.fromText([], { tokenizer: letters, context: 4 }), '[data.fromText] source: got no files, expected at least one.'],
    [() => of(3 as never), '[data.fromText]'],
    [() => of('a', { context: 0 }), '[data.fromText] context: got 0, expected a whole number of at least 1.'],
    [() => of('a', { separator: '' }), "[data.fromText] separator: got '', expected a text that is not empty, such as '\\n\\n'."],
    [() => of('a', { separator: '\ud83d' }), '[data.fromText] separator is broken at position 0: got half of a surrogate pair (U+D83D), expected whole characters.'],
    [() => of('a', { packing: false, shift: true }), '[data.fromText] shift: got it with packing: false, expected one of the two: windows begin with each document then.'],
    [() => of('a', { window: 3 } as never), '[data.fromText] unknown option: got window, expected one of tokenizer, context'],
    [() => of('a').split(1), '[split] fraction: got 1, expected a number in (0, 1), the share of the first part.'],
    [() => of(['a', 'b']).split(0.5, { shuffle: false } as never), '[split] unknown option: got shuffle, expected one of seed.'],
    [() => of('a').split(0.5), "[split] stream 'text' is one document: got no separator, expected several documents, each of which goes to one part. Pass data.fromText() a { separator }, such as '\\n\\n', or make a stream of the beginning of the text and one of its end."],
    [() => of(() => ['a', 'b']).split(0.5), "[split] stream 'text' is one document: got no separator"],
    [() => of('To be,\nor not to be.\n'.repeat(100)), `[data.fromText] source: got '${'To be,\nor not to be.\n'.repeat(9).slice(0, 80)}...', 2100 characters, expected the path of a file. Pass text by a function: () => [text].`],
  ])('%#', (call, message) => expect(call).toThrow(message));
});
