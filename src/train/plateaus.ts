import type { Optimizer } from '../optim/index.js';
import type { DescribedSchedule, PlateauSchedule, Schedule } from '../optim/schedules/index.js';
import type { EpochRecord } from './events.js';
import { isValidation, monitored, monitorFor, type Monitorable } from './monitor.js';

const OP = 'schedules.reduceOnPlateau';

/** The plateau schedules among an optimizer's rates, each once. */
export function plateausOf(optimizer: Optimizer): PlateauSchedule[] {
  const rates = optimizer.groups.flatMap(({ lr }) => (typeof lr === 'function' ? within(lr) : []));
  return [...new Set(rates)].filter(isPlateau);
}

/** Throws ArgumentError for one whose `monitor` there is not. */
export function checkPlateaus(optimizer: Optimizer, known: Monitorable): void {
  for (const { monitor } of plateausOf(optimizer)) monitorFor(OP, known, monitor);
}

/** Tells those that watch the results of training, or of validation, how an epoch went. */
export function observePlateaus(optimizer: Optimizer, known: Monitorable, record: Partial<EpochRecord>, of: 'training' | 'validation'): void {
  for (const plateau of plateausOf(optimizer)) {
    const monitor = monitorFor(OP, known, plateau.monitor);
    if (isValidation(monitor) === (of === 'validation')) plateau.observe(monitored(OP, record, monitor));
  }
}

function isPlateau(schedule: Schedule): schedule is PlateauSchedule {
  return typeof (schedule as Partial<PlateauSchedule>).observe === 'function';
}

/** The schedule, and those that it is made of. */
function within(schedule: Schedule): Schedule[] {
  const { parts = [] } = schedule as Partial<DescribedSchedule>;
  return [schedule, ...parts.flatMap(within)];
}
