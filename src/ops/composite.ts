import { throughComposition } from '../graph/autodiff.js';
import type { Tensor } from '../tensor.js';
import type { Attrs, CompositeRecord, Inferred, OutputGradients } from './record.js';

/** Particulars of one composite. */
interface Composite<A> extends Pick<CompositeRecord<A>, 'name' | 'decompose' | 'tolerance' | 'examples' | 'saves'> {
  infer(inputs: readonly Tensor[], attrs: A): Inferred;
}

/** A record for an op that is a composition of others, and is differentiated as such. */
export function composite<A = Attrs, G extends OutputGradients = readonly [Tensor]>(definition: Composite<A>): CompositeRecord<A, G> {
  return { ...definition, kind: 'composite', gradient: throughComposition(definition.decompose) as CompositeRecord<A, G>['gradient'] };
}
