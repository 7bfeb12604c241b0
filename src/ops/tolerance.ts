import type { Tolerance } from './record.js';

/** One IEEE operation or none: the same bits as the reference. */
export const EXACT: Tolerance = { absolute: 0, relative: 0 };
/** A function of our own against the C library's in double, rounded once: a few units in the last place. */
export const FEW_ULP: Tolerance = { absolute: 1e-7, relative: 5e-7 };
/** Sums of up to some hundred terms of size about 1, in another order than the reference's. */
export const SUMS: Tolerance = { absolute: 4e-6, relative: 2e-6 };
