// Elementary functions out of the four operations and the square root, which IEEE 754 defines to the last bit. Those of Math
// differ between versions of the engine, and a learning rate must not.

/** cos(pi t) for t in [0, 1], by the Taylor series of sin(pi (1/2 - t)). */
export function cosineOfHalfTurns(t: number): number {
  const x = Math.PI * (0.5 - t);
  const square = x * x;
  let sum = 0;
  for (let n = 23; n > 1; n -= 2) sum = (1 + sum) * (-square / (n * (n - 1)));
  return x * (1 + sum);
}

/** base^exponent for base >= 0: the whole part of the exponent by squaring, the rest by exp(rest log(base)). */
export function power(base: number, exponent: number): number {
  if (exponent < 0) return 1 / power(base, -exponent);
  const whole = Math.floor(exponent);
  const rest = exponent - whole;
  let result = rest === 0 ? 1 : rest === 0.5 ? Math.sqrt(base) : base === 0 ? 0 : exp(rest * log(base));
  for (let n = whole, square = base; n > 0; n = Math.floor(n / 2), square *= square) {
    if (n % 2 === 1) result *= square;
  }
  return result;
}

/** By log(m 2^e) = e log 2 + 2 artanh((m - 1) / (m + 1)), m in [sqrt 1/2, sqrt 2). */
function log(x: number): number {
  let exponent = 0;
  let m = x;
  for (; m >= Math.SQRT2; m /= 2) exponent++;
  for (; m < Math.SQRT1_2; m *= 2) exponent--;
  const t = (m - 1) / (m + 1);
  let sum = 0;
  for (let n = 27; n > 0; n -= 2) sum = sum * t * t + 1 / n;
  return exponent * Math.LN2 + 2 * t * sum;
}

/** By exp(n log 2 + r) = 2^n exp(r), with the Taylor series of exp(r). */
function exp(x: number): number {
  const n = Math.round(x / Math.LN2);
  const r = x - n * Math.LN2;
  let sum = 1;
  for (let k = 17; k > 0; k--) sum = 1 + (sum * r) / k;
  for (let k = Math.abs(n); k > 0; k--) sum *= n > 0 ? 2 : 0.5;
  return sum;
}
