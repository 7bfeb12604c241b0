// Metrics of models that give several outputs.
import { ArgumentError } from '../errors.js';
import { checkOptions } from '../options.js';
import { isTensorRecord, listFields, type Tensors } from '../records.js';
import { describeValue } from '../describe-value.js';
import { Tensor } from '../tensor.js';
import type { AnyMetric, Measured, Metric, NameOption, ResultOf } from './metric.js';

/** Records what a batch adds to a metric. Throws ArgumentError for a record of tensors where a metric of this library wants one tensor. */
export function measure(metric: AnyMetric, outputs: Tensors, targets: Tensors): Measured {
  if (metric.builtin === true && !OF_FIELDS.has(metric)) {
    for (const [what, given] of [['outputs', outputs], ['targets', targets]] as const) {
      if (given instanceof Tensor) continue;
      const got = isTensorRecord(given) ? `a record of tensors (${listFields(given)})` : describeValue(given);
      throw new ArgumentError(`[${metric.name}] ${what}: got ${got}, expected one tensor. Name the field that is measured: metrics.ofField('${Object.keys(given)[0] ?? 'field'}', metrics.${metric.name}()).`, { op: metric.name });
    }
  }
  return metric.measure(outputs as Tensor, targets as Tensor);
}

/** Metrics that choose a field themselves. */
const OF_FIELDS = new WeakSet<AnyMetric>();

/**
 * A metric of one of several outputs: of the field of that name of the outputs, and of the targets where they are a record, too. In results it is
 * called by the field and its own name, as in `kindAccuracy`, unless another one is given.
 *
 *     const each = [metrics.ofField('kind', metrics.accuracy()), metrics.ofField('price', metrics.meanAbsoluteError())];
 *     new Trainer(model, { loss, optimizer, metrics: each });
 *
 * Throws ArgumentError for what is no metric, and when it measures a batch without that field.
 */
export function ofField<const F extends string, M extends AnyMetric, const N extends string = `${F}${Capitalize<M['name']>}`>(field: F, metric: M, options: NameOption<N> = {}): Metric<N, ResultOf<M>> {
  const op = 'metrics.ofField';
  checkOptions(op, options, ['name']);
  if (typeof field !== 'string') throw new ArgumentError(`[${op}] field: got ${describeValue(field)}, expected the name of an output, as in metrics.ofField('kind', metrics.accuracy()).`, { op });
  if (typeof metric?.measure !== 'function') throw new ArgumentError(`[${op}] metric: got ${describeValue(metric)}, expected a metric, as in metrics.ofField('kind', metrics.accuracy()).`, { op });
  const name = options.name ?? `${field}${metric.name.slice(0, 1).toUpperCase()}${metric.name.slice(1)}`;
  const pick = (what: string, given: Tensors): Tensors => {
    if (given instanceof Tensor) {
      if (what === 'targets') return given;
      throw new ArgumentError(`[${name}] outputs: got one tensor, expected a record with the field ${field}. Leave ofField() out.`, { op: name });
    }
    const tensor = given[field];
    if (tensor !== undefined) return tensor;
    throw new ArgumentError(`[${name}] ${what}: got a record of ${listFields(given)}, expected one with the field ${field}. Name one of them.`, { op: name });
  };
  const own: Metric<string, unknown> = { ...metric, name, measure: (outputs, targets) => measure(metric, pick('outputs', outputs), pick('targets', targets)) };
  OF_FIELDS.add(own);
  return own as Metric<N, ResultOf<M>>;
}
