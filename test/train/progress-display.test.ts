import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { bar, progressLine, type Progress } from '../../src/train/progress-display.js';

const progress: Progress = { epoch: 1, place: 2, epochs: 5, step: 7, steps: 469, values: { loss: 0.12345, accuracy: 0.98765 }, examplesPerSecond: 12345.6, secondsLeft: 61.2 };

function screen(isTTY: boolean): { stream: NodeJS.WritableStream; text: () => string } {
  let text = '';
  const stream = new Writable({ write: (piece: Buffer, _, done) => ((text += piece.toString()), done()) });
  return { stream: Object.assign(stream, { isTTY, columns: 200, cursorTo: () => true, clearLine: () => true }), text: () => text };
}

describe('a line of progress', () => {
  it('names epoch, step, loss, accuracy, examples/s and the time left', () => {
    expect(progressLine(progress)).toBe('epoch 1 (2/5)  step 7/469  loss 0.1235  accuracy 98.77 %  12346 examples/s  1 min 2 s left');
  });

  it('leaves out what is not known', () => {
    expect(progressLine({ ...progress, steps: undefined, secondsLeft: undefined, values: {} })).toBe('epoch 1 (2/5)  step 7  12346 examples/s');
  });

  it.each([
    [0, '0 s left'],
    [0.2, '1 s left'],
    [59.5, '1 min 0 s left'],
    [3600 * 26 + 61, '26 h 1 min left'],
  ])('shows %f seconds as %s', (secondsLeft, text) => {
    expect(progressLine({ ...progress, secondsLeft })).toContain(text);
  });

  it.each([
    [0, 'loss 0.0000'],
    [12.3456, 'loss 12.3456'],
    [0.00012345, 'loss 1.234e-4'],
    [NaN, 'loss NaN'],
  ])('shows a loss of %f as %s', (loss, text) => {
    expect(progressLine({ ...progress, values: { loss } })).toContain(text);
  });
});

describe('the bar', () => {
  it('is drawn on a terminal and ends with the line of the epoch', () => {
    const { stream, text } = screen(true);
    const display = bar(stream)!;
    for (const epoch of [0, 1]) {
      display.show({ ...progress, epoch, place: epoch + 1, step: 0 });
      display.finish({ ...progress, epoch, place: epoch + 1, step: 469 }, true);
    }
    for (const epoch of [0, 1]) expect(text()).toContain(`${'\u2588'.repeat(20)}  epoch ${epoch} (${epoch + 1}/5)  step 469/469  loss 0.1235`);
    expect(text()).toContain(`${'\u2591'.repeat(20)}  epoch 0 (1/5)  step 0/469`);
    expect(text().endsWith('\n')).toBe(true);
  });
});

describe('in a narrow terminal', () => {
  const full: Progress = { ...progress, values: { ...progress.values, 'validation loss': 0.2345, 'validation accuracy': 0.9 } };
  const drawn = (size: number): string => '#'.repeat(size);

  it.each([
    [200, '####################  epoch 1 (2/5)  step 7/469  loss 0.1235  accuracy 98.77 %  validation loss 0.2345  validation accuracy 90.00 %  12346 examples/s  1 min 2 s left'],
    [139, '##########  epoch 1 (2/5)  step 7/469  loss 0.1235  accuracy 98.77 %  validation loss 0.2345  validation accuracy 90.00 %  1 min 2 s left'],
    [99, 'epoch 1 (2/5)  loss 0.1235  accuracy 98.77 %  validation loss 0.2345  validation accuracy 90.00 %'],
    [79, 'epoch 1  loss 0.1235  validation loss 0.2345  validation accuracy 90.00 %'],
    [59, 'epoch 1  loss 0.1235  validation loss 0.2345'],
  ])('of %i columns, what matters least is left out', (width, text) => {
    expect(progressLine(full, width, drawn)).toBe(text);
  });

  it('other output appears above the bar, whole lines at a time', () => {
    const { stream, text } = screen(true);
    const { write } = stream;
    const display = bar(stream)!;
    display.show(progress);
    const before = text().length;
    stream.write('half ');
    expect(text().length).toBe(before);
    stream.write('a line\nand the next');
    expect(text().slice(before)).toMatch(/^\r.\[Khalf a line\n[^\n]*epoch 1 \(2\/5\)[^\n]*$/);
    display.finish({ ...progress, step: 469 }, true);
    expect(text()).toMatch(/left[^\n]*\nand the next$/);
    for (const code of ['7', '8']) expect(text()).not.toContain(`\u001b${code}`);
    expect(stream.write).toBe(write);
    display.close();
  });
});
