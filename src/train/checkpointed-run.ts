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
import { describeData, restore } from './resume.js';
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
