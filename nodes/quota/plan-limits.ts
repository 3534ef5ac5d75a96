import type { Clients, Plan, PlanQuota } from '../../runtime/core/access/clients.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { Charge, CounterCharge } from '../../runtime/core/state/state.ts'
import { apiOf, applicationOf, clientOf } from '../shared/limits/limit-level.ts'
import { type LimitWindow, toLimitWindow } from '../shared/limits/limit-window.ts'

/** A slot of a plan is held so long beyond the death of its gateway. */
export const planLeaseMs = 15_000

/** A counter to be charged and what people are told of it. */
export interface PlannedCounter {
  readonly charge: CounterCharge
  readonly window: LimitWindow
}

export interface PlanCharges {
  readonly counters: readonly PlannedCounter[]
  /** Rate and concurrency. */
  readonly others: readonly Charge[]
}

/**
 * Turns the caller's plan into charges, counted per subscription: application and API. The plan is looked up for each
 * call, so that a changed one counts for the next; its counters keep their counts, also when a caller changes plans.
 * `organisation`: whose flow it is for; subscriptions to APIs of others are none that it may name.
 */
export function createPlanLimits(clients: Clients, organisation?: string) {
  const windows = new WeakMap<PlanQuota, LimitWindow>()

  function windowOf(quota: PlanQuota): LimitWindow {
    let window = windows.get(quota)
    if (!window) windows.set(quota, (window = toLimitWindow(quota)))
    return window
  }

  function counters(plan: Plan, who: string, cost: number, mode: CounterCharge['mode']): PlannedCounter[] {
    return plan.quotas.map((quota) => {
      const window = windowOf(quota)
      return { charge: { kind: 'counter', key: `plan/${who}/${window.id}`, limit: quota.limit, cost, window: window.window, mode }, window }
    })
  }

  return {
    /** The plan of who calls; undefined when there is none. @throws Fault `limit.no_client` */
    planOf(message: Message): Plan | undefined {
      const { plan } = clientOf(message, 'subscription')
      return plan === undefined ? undefined : clients.plan(plan)
    },
    /** Counters, rate and concurrency of a call. */
    charges(plan: Plan, message: Message, run: Run, cost: number, mode: CounterCharge['mode']): PlanCharges {
      const who = `${applicationOf(clientOf(message, 'subscription'))}/${apiOf(run, clients)}`
      const others: Charge[] = []
      if (mode === 'enforce' && plan.rate) {
        const { perSecond, burst } = plan.rate
        others.push({ kind: 'rate', key: `plan/${who}/rate`, intervalMs: 1000 / perSecond, burst, cost: 1, maxDelayMs: 0 })
      }
      if (mode === 'enforce' && plan.concurrency !== undefined) {
        others.push({ kind: 'lease', key: `plan/${who}/concurrency`, limit: plan.concurrency, token: run.id, ttlMs: planLeaseMs })
      }
      return { counters: counters(plan, who, cost, mode), others }
    },
    /** The counters of a subscription named `application/api`; none when there is no such subscription with a plan. */
    countersOf(subscription: string): readonly PlannedCounter[] {
      const slash = subscription.indexOf('/')
      const [id, api] = [subscription.slice(0, slash).replace(/~sandbox$/, ''), subscription.slice(slash + 1)]
      const found = clients.application(id)?.subscriptions.find((one) => one.api === api)
      if (organisation !== undefined && clients.api(api)?.organisation !== organisation) return []
      const plan = found && clients.plan(found.plan)
      return plan === undefined ? [] : counters(plan, subscription, 0, 'count')
    },
  }
}
