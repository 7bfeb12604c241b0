import { warnOnce } from '../warn.js';
import type { Tensor } from '../tensor.js';
import type { Plan } from './plan.js';
import type { Request } from './request.js';

const MAX_PLANS = 64;
/** So many steps are looked at before a loop is said to plan too often. */
const FEW_STEPS = 20;

/** The plans of one optimizer or model, the last used at the end. */
export class PlanCache {
  private readonly plans: Plan[] = [];
  private asked = 0;
  /** The request that was followed last, by its nodes, until its plan is asked for. */
  private followed: { readonly nodes: readonly Tensor[]; readonly plan: Plan } | undefined = undefined;
  private made = 0;

  /** The nodes of a request that has the structure of the plan used last, and is ready to run. */
  follow(request: Request): Tensor[] | undefined {
    const plan = this.plans.at(-1);
    const nodes = plan?.signature.follow(request);
    this.followed = nodes && { nodes, plan: plan! };
    return nodes;
  }

  /** The plan of a request's structure, made by `make` where there is none. */
  planFor(request: Request, nodes: readonly Tensor[], make: () => Plan): Plan {
    const { plans, followed } = this;
    this.followed = undefined;
    this.asked++;
    if (followed?.nodes === nodes) return followed.plan;
    for (let i = plans.length - 1; i >= 0; i--) {
      const plan = plans[i]!;
      if (!plan.signature.matches(request, nodes)) continue;
      if (i !== plans.length - 1) plans.push(...plans.splice(i, 1));
      return plan;
    }
    const before = plans.at(-1);
    const plan = make();
    this.made++;
    plans.push(plan);
    if (plans.length > MAX_PLANS) plans.shift();
    if (request.updater !== undefined && before !== undefined && this.asked >= FEW_STEPS && 2 * this.made > this.asked) this.warn(before.signature.difference(request, nodes));
    return plan;
  }

  private warn(difference: string): void {
    warnOnce(
      'ANNEAL_MANY_PLANS',
      `[step] ${this.made} of ${this.asked} steps needed a new plan, which takes longer than most steps do. The last one differs from the one before: ${difference}. ` +
        'Let steps be alike: pad batches to a few lengths, choose by where() instead of a branch; configure({ debug: true }) names the line.',
    );
  }
}
