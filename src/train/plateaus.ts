import type { Optimizer } from '../optim/index.js';
import type { DescribedSchedule, PlateauSchedule, Schedule } from '../optim/schedules/index.js';
import type { EpochRecord } from './events.js';
import { monitored, monitorFor, type Monitorable } from './monitor.js';

const OP = 'schedules.reduceOnPlateau';

/** The plateau schedules among an optimizer's rates, each once. Throws ArgumentError for one whose `monitor` there is not. */
export function plateausOf(optimizer: Optimizer, known: Monitorable): PlateauSchedule[] {
  const rates = optimizer.groups.flatMap(({ lr }) => (typeof lr === 'function' ? within(lr) : []));
  const plateaus = [...new Set(rates)].filter(isPlateau);
  for (const { monitor } of plateaus) monitorFor(OP, known, monitor);
  return plateaus;
}

/** Tells them how an epoch went. */
export function observePlateaus(optimizer: Optimizer, known: Monitorable, record: EpochRecord): void {
  for (const plateau of plateausOf(optimizer, known)) plateau.observe(monitored(OP, record, monitorFor(OP, known, plateau.monitor)));
}

function isPlateau(schedule: Schedule): schedule is PlateauSchedule {
  return typeof (schedule as Partial<PlateauSchedule>).observe === 'function';
}

/** The schedule, and those that it is made of. */
function within(schedule: Schedule): Schedule[] {
  const { parts = [] } = schedule as Partial<DescribedSchedule>;
  return [schedule, ...parts.flatMap(within)];
}
