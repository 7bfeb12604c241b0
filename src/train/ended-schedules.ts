import type { Optimizer } from '../optim/index.js';
import type { DescribedSchedule } from '../optim/schedules/index.js';
import { warnOnce } from '../warn.js';

/** Warns, once, where a training begins whose rates have ended at 0: it would move nothing. A schedule goes by all steps of its optimizer. */
export function warnOfEndedSchedules({ groups, steps }: Optimizer): void {
  const ended = groups.map(({ lr }) => (typeof lr === 'function' && endedAtZero(lr as DescribedSchedule, steps) ? lr : undefined));
  const [first] = ended;
  if (first === undefined || ended.includes(undefined)) return;
  warnOnce(
    'ANNEAL_SCHEDULE_ENDED',
    `[fit] the schedule ${String(first)} has ended, and the rate stays 0: the optimizer has done ${steps} steps, which schedules count through all fit(). Nothing will move. ` +
      'Give it another: optimizer.lr = ..., over the steps of all fits together; or make a new optimizer.',
  );
}

function endedAtZero(schedule: DescribedSchedule, steps: number): boolean {
  // One that repeats itself passes 0 only.
  return schedule.steps <= steps && [0, 1, 2, schedule.steps].every((further) => schedule(steps + further) === 0);
}
