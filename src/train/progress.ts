import { checkOptions } from '../options.js';
import type { Callback, EpochEvent, Results, StepEvent } from './events.js';
import { bar, lines, type Display, type Progress } from './progress-display.js';

export interface ProgressOptions {
  /** Where it is written. Default process.stderr. */
  readonly stream?: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** Of plain lines: milliseconds between two of an epoch. Default 10000. */
  readonly interval?: number;
}

/**
 * A callback that shows how training goes: epoch, step, loss, metrics, examples/s, time left. A live bar in a terminal,
 * plain lines elsewhere.
 *
 *     await trainer.fit(data, { epochs: 5, callbacks: [train.progress()] });
 */
export function progress(options: ProgressOptions = {}): Callback {
  checkOptions('train.progress', options, ['stream', 'interval']);
  const { stream = process.stderr, interval = 10_000 } = options;
  let display: Display;
  let last: Progress | undefined;
  return {
    onFitStart() {
      display = stream.isTTY === true ? bar(stream) : lines(stream, interval, () => performance.now());
    },
    onEpochStart() {
      last = undefined;
    },
    onStep(event) {
      last = describe(event);
      display.show(last);
    },
    onEpochEnd({ record }) {
      if (last === undefined) return;
      const { validation } = record;
      const values = validation === undefined ? last.values : { ...last.values, ...prefixed(validation) };
      display.finish({ ...last, values });
      last = undefined;
    },
    onFitEnd() {
      if (last !== undefined) display.finish(last);
    },
  };
}

function describe(event: StepEvent): Progress {
  const { epoch, epochs, step, stepsPerEpoch: steps, results, examples, seconds } = event;
  return {
    epoch: epoch + 1,
    epochs,
    step: step + 1,
    steps,
    values: { ...results },
    examplesPerSecond: examples / seconds,
    secondsLeft: secondsLeft(event, step + 1, seconds),
  };
}

/** As long as the steps that are left take at the pace of this epoch. */
function secondsLeft({ epoch, epochs, stepsPerEpoch }: EpochEvent, done: number, seconds: number): number | undefined {
  return stepsPerEpoch === undefined ? undefined : (seconds / done) * ((epochs - epoch) * stepsPerEpoch - done);
}

function prefixed(results: Results): Record<string, number> {
  return Object.fromEntries(Object.entries(results).map(([name, value]) => [`validation ${name}`, value]));
}
