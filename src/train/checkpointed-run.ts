import { ArgumentError } from '../errors.js';
import { Running, type AnyMetric } from '../metrics/index.js';
import { isBuiltin } from '../losses/loss.js';
import type { Average } from '../optim/index.js';
import type { Described } from '../state.js';
import type { Tensor } from '../tensor.js';
import type { CheckpointSetup, ResumeSetup } from './checkpoint-options.js';
import type { ClassWeights } from './example-weights.js';
import type { FitSetup } from './fit.js';
import { FitCheckpoints, findCheckpoint } from './fit-checkpoints.js';
import type { Made } from './fit-state.js';
import type { History } from './history.js';
import { describeData, restore, type FitCheckpoint } from './resume.js';
import { Shutdown } from './shutdown.js';

/** Options of fit() that concern its checkpoints, or are described in them only. */
interface CheckpointedOptions {
  readonly checkpoint: CheckpointSetup | undefined;
  readonly resume: ResumeSetup | undefined;
  readonly average: Average | undefined;
  readonly classWeights: ClassWeights | undefined;
}

/**
 * Runs a fit() from the checkpoint that it is to go on from, with checkpoints on its way. `state` returns the state of its trainer. The directory is taken before anything is read of
 * it, and given back however the fit() ends.
 */
export async function runWithCheckpoints<M extends AnyMetric>(
  setup: FitSetup<M>,
  options: CheckpointedOptions,
  state: () => ReadonlyMap<string, Tensor | Described>,
  run: (setup: FitSetup<M>) => Promise<History<M>>,
): Promise<History<M>> {
  const { checkpoint, resume } = options;
  const { model, optimizer, batches } = setup;
  if (checkpoint !== undefined) new Running<AnyMetric>(setup.metrics).checkSavable$();
  const made = describe(setup, options);
  const checkpoints = checkpoint && (await FitCheckpoints.open(checkpoint, { model, optimizer, batches, state }, made));
  try {
    const found = resume && (await findCheckpoint(resume, checkpoint));
    if (found !== undefined) checkOpen(found, setup);
    const restored = found && { fit: found.fit, ...(await restore(found, { model, optimizer, batches }, made, resume)) };
    // Later ones than the latest that is whole are damaged, and were named.
    if (found === undefined || resume?.from !== 'latest') await checkpoints?.checkDirectory(found?.path);
    if (found !== undefined) checkpoints?.goOnFrom(found);
    const whole: FitSetup<M> = { ...setup, checkpoints, resumed: restored, firstEpoch: restored?.fit.firstEpoch ?? setup.firstEpoch };
    return await (checkpoints === undefined ? run(whole) : stoppable(whole, run));
  } finally {
    await checkpoints?.close();
  }
}

/** Throws ArgumentError where a trainer that has just done all of a training is asked for it again, as by a second fit() with the options of the first. */
function checkOpen<M extends AnyMetric>({ fit, info, path }: FitCheckpoint, { optimizer, epochs }: FitSetup<M>): void {
  const nothingLeft = fit.complete && (fit.stopped !== null || fit.epochs.length >= epochs);
  if (!nothingLeft || optimizer.steps === 0 || optimizer.steps !== info.step) return;
  throw new ArgumentError(`[fit] resume: got ${path}, of a training that is complete and that this trainer has just done, expected one that is not. Give each fit() of a trainer a directory of its own.`, { op: 'fit' });
}

/** Runs a fit() that SIGTERM and SIGINT stop. */
async function stoppable<M extends AnyMetric>(setup: FitSetup<M>, run: (setup: FitSetup<M>) => Promise<History<M>>): Promise<History<M>> {
  const shutdown = new Shutdown();
  const signals = setup.signal === undefined ? shutdown.signal : AbortSignal.any([setup.signal, shutdown.signal]);
  try {
    return await run({ ...setup, signal: signals });
  } finally {
    await setup.checkpoints?.close();
    shutdown.end();
  }
}

/** Describes what has to be the same when training goes on. */
function describe<M extends AnyMetric>({ optimizer, batches, loss, metrics, accumulate, callbacks }: FitSetup<M>, { average = optimizer.average, classWeights }: CheckpointedOptions): Made {
  return {
    data: describeData(batches),
    options: {
      optimizer: optimizer.options$(average),
      loss: isBuiltin(loss) ? loss.name : 'a function of its own',
      metrics: metrics.map(({ name }) => name),
      accumulate,
      classWeights: classWeights instanceof Float32Array ? [...classWeights] : (classWeights ?? null),
      callbacks: callbacks.filter(({ stateDict }) => stateDict !== undefined).length,
    },
  };
}
