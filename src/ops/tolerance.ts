import type { Tolerance } from './record.js';

/** One IEEE operation or none: the same bits as the reference. */
export const EXACT: Tolerance = { absolute: 0, relative: 0 };
/** A function of our own, good to 2 units in the last place, against the C library's in double, rounded once. */
export const FEW_ULP: Tolerance = { absolute: 0, relative: 2.5e-7 };
/** A few such functions multiplied and added, whose terms may cancel; results are of size about 1. */
export const COMPOSED: Tolerance = { absolute: 1e-6, relative: 5e-7 };
/** Sums of up to some hundred terms of size about 1, in another order than the reference's. */
export const SUMS: Tolerance = { absolute: 2e-6, relative: 1e-6 };
/** Exponentials and a sum of them, each within a few units in the last place. */
export const EXPONENTIALS: Tolerance = { absolute: 1e-6, relative: 1e-6 };
