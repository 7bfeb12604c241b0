import { ArgumentError } from '../../errors.js';
import { checkOptions } from '../../options.js';
import { checkRate, checkSchedule, checkSteps, named, stepsOf, type NamedSchedule, type Schedule } from './schedule.js';
import { describeValue } from '../../describe-value.js';

/**
 * Rises in a line for `steps` steps and then is `after`, which begins there: lr(s) = start + (after(0) - start) (s + 1) / (steps + 1) for
 * s < steps, after(s - steps) from then on. With `start` 0, the default, no step is taken at a rate of 0.
 *
 *     optim.schedules.warmup(500, optim.schedules.cosine(1e-3, 9500));
 */
export function warmup(steps: number, after: Schedule, options: { /** Rate that it starts from. Default 0. */ readonly start?: number } = {}): NamedSchedule {
  const op = 'schedules.warmup';
  checkOptions(op, options, ['start']);
  const { start = 0 } = options;
  checkSteps(op, 'steps', steps, 0);
  checkSchedule(op, 'after', after);
  checkRate(op, 'start', start);
  return named(`warmup(${steps}, ${textOf(after)})`, steps + stepsOf(after), (step) =>
    step < steps ? start + ((after(0) - start) * (step + 1)) / (steps + 1) : after(step - steps),
    [after],
  );
}

/**
 * One schedule after the other: each but the last with the number of its steps, each counting from 0 when its turn comes.
 * As torch.optim.lr_scheduler.SequentialLR.
 *
 *     const { constant, cosine, sequence } = optim.schedules;
 *     sequence([constant(1e-3), 1000], [cosine(1e-3, 4000)]);
 */
export function sequence(...parts: readonly (readonly [schedule: Schedule, steps?: number])[]): NamedSchedule {
  const op = 'schedules.sequence';
  if (parts.length === 0) throw new ArgumentError(`[${op}] got no schedules, expected at least one, as in sequence([constant(1e-3), 1000], [cosine(1e-3, 4000)]).`, { op });
  const starts = [0];
  for (const [i, part] of parts.entries()) {
    if (!Array.isArray(part)) throw new ArgumentError(`[${op}] part ${i}: got ${describeValue(part)}, expected [schedule, steps].`, { op });
    checkSchedule(op, `part ${i}`, part[0]);
    if (i === parts.length - 1 && part[1] === undefined) continue;
    checkSteps(op, `steps of part ${i}`, part[1], 1);
    starts.push(starts[i]! + part[1]!);
  }
  const text = parts.map(([schedule, steps]) => `[${textOf(schedule)}${steps === undefined ? '' : `, ${steps}`}]`).join(', ');
  const [last, lastSteps] = parts.at(-1)!;
  return named(`sequence(${text})`, starts[parts.length - 1]! + (lastSteps ?? stepsOf(last)), (step) => {
    let part = parts.length - 1;
    while (step < starts[part]!) part--;
    return parts[part]![0](step - starts[part]!);
  }, parts.map(([schedule]) => schedule));
}

/** `schedule` times `factor`, a number or another schedule, at each step: a decay on top of a cycle, say. As torch's ChainedScheduler. */
export function product(schedule: Schedule, factor: number | Schedule): NamedSchedule {
  const op = 'schedules.product';
  checkSchedule(op, 'schedule', schedule);
  if (typeof factor === 'number') checkRate(op, 'factor', factor);
  else checkSchedule(op, 'factor', factor);
  const times = typeof factor === 'number' ? () => factor : factor;
  return named(`product(${textOf(schedule)}, ${typeof factor === 'number' ? factor : textOf(factor)})`, Math.max(stepsOf(schedule), typeof factor === 'number' ? 0 : stepsOf(factor)), (step) => schedule(step) * times(step), typeof factor === 'number' ? [schedule] : [schedule, factor]);
}

/** A user's own function stands as its name: its text could be a page. */
const textOf = (schedule: Schedule): string => ('steps' in schedule ? String(schedule) : schedule.name === '' ? 'a function' : schedule.name);
