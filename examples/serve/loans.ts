/** A loan as the service is asked about it, and whether it was repaid. */
export type Loan = { readonly amount: number; readonly months: number; readonly income: number | null; readonly purpose: string; readonly repaid: 'no' | 'yes' };

const PURPOSES = ['car', 'furniture', 'education', 'business'];

/** Made-up loans, the same for the same seed: the larger beside the income, the less likely to be repaid. Some incomes are not known. */
export function loans(count: number, seed: number): Loan[] {
  let state = seed + 1;
  const random = (): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff) / 0x80000000;
  return Array.from({ length: count }, () => {
    const [amount, months, income, purpose] = [500 + 20_000 * random(), 6 + Math.floor(54 * random()), 1000 + 5000 * random() ** 2, PURPOSES[Math.floor(4 * random())]!];
    const burden = amount / months / income + (purpose === 'business' ? 0.3 : 0);
    return { amount, months, income: random() < 0.1 ? null : income, purpose, repaid: burden + 0.3 * random() + 0.3 * random() > 0.9 ? 'no' : 'yes' };
  });
}
