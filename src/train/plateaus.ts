import type { Optimizer } from '../optim/index.js';
import type { DescribedSchedule, PlateauSchedule, Schedule } from '../optim/schedules/index.js';
import type { EpochRecord } from './events.js';
import { monitored, monitorFor } from './monitor.js';

/** Tells every plateau schedule among an optimizer's rates how an epoch went, each once. */
export function observePlateaus(optimizer: Optimizer, record: EpochRecord): void {
  const rates = optimizer.groups.flatMap(({ lr }) => (typeof lr === 'function' ? within(lr) : []));
  for (const rate of new Set(rates)) if (isPlateau(rate)) rate.observe(monitored('schedules.reduceOnPlateau', record, monitorFor(record, rate.monitor)));
}

function isPlateau(schedule: Schedule): schedule is PlateauSchedule {
  return typeof (schedule as Partial<PlateauSchedule>).observe === 'function';
}

/** The schedule, and those that it is made of. */
function within(schedule: Schedule): Schedule[] {
  const { parts = [] } = schedule as Partial<DescribedSchedule>;
  return [schedule, ...parts.flatMap(within)];
}
