import { type QuotaAlgorithm, quotaAlgorithms, type QuotaUnit, quotaUnits } from '../../runtime/core/access/quota-windows.ts'
import { fault } from '../../runtime/core/fault.ts'
import { unchanged } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { Charge, ChargeOutcome, CounterCharge, LimitState, OnLoss } from '../../runtime/core/state/state.ts'
import { type Output, SentTo } from '../../runtime/core/step.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { createRateLimitHeaders } from '../shared/limits/limit-headers.ts'
import { after, createReader, type NumberType, numberSchema, numberTypeSchema, toWhole, leaksOfNumbers } from '../shared/limits/limit-inputs.ts'
import { createLeaseKeeper } from '../shared/limits/limit-leases.ts'
import { checkFragments, compileFragments, type Fragment, fragmentsSchema, type Level, levelSchema, whoIs, whoIsNamed } from '../shared/limits/limit-level.ts'
import { createRefuse, type LimitPort, lossSchema, toDecided, toRefusal, toStanding } from '../shared/limits/limit-refusal.ts'
import { type LimitWindow, toLimitWindow, whenItEnds } from '../shared/limits/limit-window.ts'
import { type Named, type NamedCounter, registerQuota } from '../shared/limits/quota-registry.ts'
import { sharedName } from '../shared/shared-name.ts'
import { createPlanLimits, planLeaseMs } from './plan-limits.ts'

interface WindowRow {
  readonly limit: string | number
  readonly limitType: NumberType
  readonly every: number
  readonly unit: QuotaUnit
  readonly algorithm: QuotaAlgorithm
  readonly zone: string
  readonly per: Level
}

export interface QuotaConfig {
  readonly quota: string
  readonly source: 'drawn' | 'plan' | 'both'
  readonly windows: readonly WindowRow[]
  readonly key: readonly Fragment[]
  readonly weight: string | number
  readonly weightType: NumberType
  readonly mode: CounterCharge['mode']
  readonly again: boolean
  readonly refund: boolean
  readonly headers: boolean
  readonly onLoss: OnLoss
}

/** What people are told of a charge. */
interface Meta {
  readonly level: Level
  /** Rates and slots have none. */
  readonly window?: LimitWindow
}

/** Charges of a call, each with its meta at the same place. */
interface Planned {
  readonly charges: readonly Charge[]
  readonly metas: readonly Meta[]
}

/** What a run was charged already. */
interface Ledger {
  readonly charged: { readonly key: string; readonly state: LimitState }[]
  /** A charge that is under way: who comes meanwhile waits to see what it covers. */
  pending: Promise<unknown> | undefined
}

/** Counts calls in windows, several at once, and refuses what is too much. */
export const quota = defineNode<QuotaConfig, LimitPort>({
  type: 'quota',
  category: 'protect',
  label: { en: 'quota', 'zh-TW': '配額' },
  summary: { en: 'Counts calls in one or more windows and refuses what is too much.', 'zh-TW': '在一個或多個時間窗內計數呼叫，超量者拒絕。' },
  icon: 'fa-tachometer',
  outputs: ['ok', 'refused'],
  labels: unchanged,
  leaks: ({ windows, weight, weightType }, input) => leaksOfNumbers([...windows.map(({ limit, limitType }) => ['the limit', 'windows', limit, limitType] as const), ['the weight', 'weight', weight, weightType]], input),
  faults: ['quota.exceeded', 'spike.exceeded', 'concurrency.exceeded', 'limit.weight', 'limit.value', 'limit.no_client', 'limit.no_plan', 'state.unavailable', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      quota: { type: 'string', default: '', title: 'Counter', maxLength: 100, description: 'Quota nodes with the same counter name count together. Empty: this node counts by itself.' },
      source: { enum: ['drawn', 'plan', 'both'], default: 'drawn', title: 'Limits', description: 'The windows below, those of the caller’s plan with its rate and concurrency, or both. Callers without a plan get the windows below.' },
      windows: {
        type: 'array',
        'x-form': { when: { source: ['drawn', 'both'] } },
        default: [{ limit: '1000', limitType: 'num', every: 1, unit: 'hour', algorithm: 'fixed', zone: '', per: 'api' }],
        title: 'Windows',
        description: 'All are charged in one step: all or none. Each has a limit, a length, a way of counting (fixed, calendar in a time zone, rolling, flexi) and says whom it counts together. One in all never begins anew.',
        items: {
          type: 'object',
          properties: {
            limit: numberSchema('1000', 'Limit', 'Most calls in the window.'),
            limitType: numberTypeSchema,
            every: { type: 'integer', minimum: 1, maximum: 10_000, default: 1, title: 'Every', 'x-form': { when: whenItEnds } },
            unit: { enum: quotaUnits, default: 'hour', title: 'Unit', 'x-form': { choices: { total: 'in all' } } },
            algorithm: { enum: quotaAlgorithms, default: 'fixed', title: 'Counting', 'x-form': { when: whenItEnds } },
            zone: { type: 'string', default: '', title: 'Time zone', 'x-form': { when: { ...whenItEnds, algorithm: ['calendar'] } } },
            per: levelSchema('api'),
          },
        },
      },
      key: { ...fragmentsSchema, 'x-form': { when: { 'windows.per': ['key'] } } },
      weight: numberSchema('1', 'Weight', 'What one call counts: a whole number from 0, or where it comes from.'),
      weightType: numberTypeSchema,
      mode: { enum: ['enforce', 'count', 'peek'], default: 'enforce', title: 'Mode', description: 'enforce counts and refuses; count only counts; peek refuses when nothing is left and counts nothing.' },
      again: { type: 'boolean', default: false, title: 'Charge again', description: 'One run is charged once by all nodes of one counter, however often it passes them. Tick to charge every time.' },
      refund: { type: 'boolean', default: false, title: 'Give back', description: 'When the run answers 400 or above, fails or loses its caller, and no request had left for a backend.' },
      headers: { type: 'boolean', default: true, title: 'RateLimit headers', description: 'Tell callers by RateLimit-Policy and RateLimit how they stand.' },
      onLoss: lossSchema,
    },
  },
  check(config) {
    const problems: (NodeProblem | undefined)[] = [checkTypedValue(config.weight, config.weightType, 'weight')]
    if (config.weightType === 'num') problems.push(checkWhole(config.weight, 'weight', 'The weight'))
    if (config.windows.length === 0 && config.source !== 'plan') problems.push({ code: 'quota.no_window', property: 'windows', message: 'The quota has no window, so it limits nothing.', remedy: 'Add a window, or take the limits from the caller’s plan.' })
    if (config.windows.length === 0 && config.source === 'plan') problems.push({ code: 'quota.no_plan', severity: 'warning', property: 'windows', message: 'The quota refuses callers without a plan, because it has no window for them.', remedy: 'Add a window for callers without a plan, or leave it so.' })
    const seen = new Set<string>()
    for (const row of config.windows) {
      problems.push(checkTypedValue(row.limit, row.limitType, 'windows'))
      if (row.limitType === 'num') problems.push(checkWhole(row.limit, 'windows', 'The limit'))
      try {
        const { id, text } = toLimitWindow(row)
        if (seen.has(`${row.per}/${id}`)) problems.push({ code: 'quota.window_twice', property: 'windows', message: `Two windows count the same: ${text} per ${row.per}.`, remedy: 'Remove one of them.' })
        seen.add(`${row.per}/${id}`)
        problems.push(checkTotal(row))
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
        problems.push({ code: 'quota.zone', property: 'windows', message: `“${row.zone}” is not a time zone.`, remedy: 'Write an IANA name such as Asia/Taipei, or leave it empty for UTC.' })
      }
    }
    problems.push(...checkFragments(config.key, config.windows.some((row) => row.per === 'key')))
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const { mode, again, source } = config
    const name = config.quota.trim()
    const prefix = `quota/${sharedName(scope, name === '' ? scope.node.id : name)}`
    const shown = name === '' ? (scope.node.name ?? 'quota') : name
    const rows = config.windows.map((row) => {
      const window = toLimitWindow(row)
      return { level: row.per, window, keys: createTexts((who) => `${prefix}/${who}/${window.id}`) }
    })
    const read = createReader([
      await compileTypedValue(config.weight, config.weightType, scope),
      ...(await Promise.all(config.windows.map(({ limit, limitType }) => compileTypedValue(limit, limitType, scope)))),
      ...(await compileFragments(config.key, scope)),
    ])
    const plans = createPlanLimits(scope.clients, scope.node.organisation)
    const refuse = createRefuse(scope)
    const rateLimitHeaders = createRateLimitHeaders(shown)
    const leases = createLeaseKeeper(scope, planLeaseMs)
    // One ledger for all quotas of the gateway: its keys say whose counters they are.
    const ledgerKey = scope.share('ledger', () => ({}), () => {})

    function drawn(message: Message, run: Run, values: readonly unknown[], cost: number): Planned {
      const fragments = values.slice(1 + rows.length)
      const charges: Charge[] = []
      let level: Level | undefined
      let who = ''
      for (let i = 0; i < rows.length; i += 1) {
        const row = rows[i] as (typeof rows)[number]
        if (row.level !== level) who = whoIs((level = row.level), message, run, fragments, scope)
        charges.push({ kind: 'counter', key: row.keys(who), limit: toWhole(values[1 + i], 0, 'limit.value'), cost, window: row.window.window, mode })
      }
      return { charges, metas: rows }
    }

    function plan(message: Message, run: Run, values: readonly unknown[], cost: number): Planned {
      if (source === 'drawn') return drawn(message, run, values, cost)
      const own = plans.planOf(message)
      if (!own) {
        if (rows.length === 0) throw toDecided(scope, message, run, fault('limit.no_plan'), { check: 'plan' })
        return drawn(message, run, values, cost)
      }
      const { counters, others } = plans.charges(own, message, run, cost, mode)
      const charges: Charge[] = counters.map(({ charge: one }) => one)
      const metas: Meta[] = counters.map(({ window }) => ({ level: 'subscription', window }))
      for (const one of others) {
        charges.push(one)
        metas.push({ level: 'subscription' })
      }
      if (source === 'plan') return { charges, metas }
      const more = drawn(message, run, values, cost)
      return { charges: [...charges, ...more.charges], metas: [...metas, ...more.metas] }
    }

    function charge(message: Message, run: Run, planned: Planned, cost: number): Output<LimitPort> | Promise<Output<LimitPort>> {
      const ledger = run.state<Ledger>(ledgerKey, () => ({ charged: [], pending: undefined }))
      if (ledger.pending && !again) return ledger.pending.then(() => charge(message, run, planned, cost))
      const fresh = again || mode === 'peek' || ledger.charged.length === 0 ? planned : without(planned, ledger)
      if (fresh.charges.length === 0) return conclude(message, run, planned, fresh, nothingCharged, ledger, cost)
      const outcome = scope.state.charge(fresh.charges, config.onLoss)
      if (!(outcome instanceof Promise)) return conclude(message, run, planned, fresh, outcome, ledger, cost)
      const settled = outcome.then((known) => {
        ledger.pending = undefined
        return conclude(message, run, planned, fresh, known, ledger, cost)
      })
      ledger.pending = settled.catch(() => {}) // its own way reports what went wrong
      return settled
    }

    function conclude(message: Message, run: Run, planned: Planned, fresh: Planned, outcome: ChargeOutcome, ledger: Ledger, cost: number): Output<LimitPort> {
      const states = fresh === planned ? outcome.limits : planned.charges.map((one) => outcome.limits[fresh.charges.indexOf(one)] ?? stateIn(ledger, one.key))
      // Looking refuses nobody by itself: whether the call would have passed is in the states.
      const refusedBy = mode === 'peek' && outcome.allowed ? outcome.limits.findIndex((state) => !state.allowed || state.remaining === 0) : outcome.refusedBy
      const allowed = outcome.allowed && (mode !== 'peek' || refusedBy === -1)
      if (allowed) settle(run, fresh, outcome, ledger)
      if (config.headers) tell(run, planned, states, outcome)
      const limits: object[] = []
      for (let i = 0; i < planned.metas.length; i += 1) {
        const { level, window } = planned.metas[i] as Meta
        const state = states[i]
        if (!state) continue
        limits.push({ kind: (planned.charges[i] as Charge).kind, per: level, window: window?.text, allowed: state.allowed, ...toStanding(state) })
      }
      const seen: Record<string, unknown> = { name: shown, allowed, weight: cost, limits }
      if (outcome.degraded) seen.degraded = outcome.degraded
      const told: Message = { ...message, quota: seen }
      if (allowed) return new SentTo(0, told)
      const window = fresh.metas[refusedBy]?.window?.text
      const kind = fresh.charges[refusedBy]?.kind
      const code = kind === 'rate' ? 'spike.exceeded' : kind === 'lease' ? 'concurrency.exceeded' : 'quota.exceeded'
      return refuse(told, run, toRefusal(code, { limit: outcome.limits[refusedBy]?.limit, ...(window ? { window } : {}) }, fresh.charges, { ...outcome, refusedBy }, scope.state.now(), fresh.metas.map(({ level, window: one }) => ({ per: level, window: one?.text }))))
    }

    function settle(run: Run, { charges }: Planned, outcome: ChargeOutcome, ledger: Ledger): void {
      if (mode === 'peek') return
      for (let i = 0; i < charges.length; i += 1) {
        const one = charges[i] as Charge
        ledger.charged.push({ key: one.key, state: outcome.limits[i] as LimitState })
        if (one.kind === 'lease') leases.keep(one, run)
      }
      if (!config.refund) return
      const counters = charges.filter((one) => one.kind === 'counter' && one.cost > 0)
      if (counters.length === 0) return
      run.onEnd?.(({ status, fault: failed, backendReached }) => {
        if (!backendReached && (failed !== undefined || (status ?? 0) >= 400)) void scope.state.refund(counters, outcome.atMs)
      })
    }

    function tell(run: Run, { metas }: Planned, states: readonly (LimitState | undefined)[], outcome: ChargeOutcome): void {
      if (!run.addReplyHeader || outcome.degraded === 'closed' || outcome.degraded === 'open') return
      const counted = rateLimitHeaders(metas, states, outcome.atMs ?? scope.state.now())
      if (!counted) return
      run.addReplyHeader('RateLimit-Policy', counted.policy, prefix)
      run.addReplyHeader('RateLimit', counted.rateLimit, prefix)
    }

    registerQuota(scope, sharedName(scope, name === '' ? (scope.node.name ?? scope.node.id) : name), (message, run, named) => {
      return after(read(message, run), (values) => (named ? countersOf(named, values) : countersIn(plan(message, run, values, 0))))
    })

    function countersOf({ level, who }: Named, values: readonly unknown[]): readonly NamedCounter[] {
      const own = rows.flatMap((row, i): NamedCounter[] => {
        if (row.level !== level) return []
        const key = `${prefix}/${whoIsNamed(level, who)}/${row.window.id}`
        return [{ level, window: row.window.text, charge: { kind: 'counter', key, limit: toWhole(values[1 + i], 0, 'limit.value'), cost: 0, window: row.window.window, mode: 'count' } }]
      })
      if (source === 'drawn' || level !== 'subscription') return own
      return [...own, ...plans.countersOf(String(who)).map(({ charge: one, window }) => ({ level, window: window.text, charge: one }))]
    }

    return function quota(message, run) {
      return after(read(message, run), (values) => {
        const cost = toWhole(values[0], 0, 'limit.weight')
        return charge(message, run, plan(message, run, values, cost), cost)
      })
    }
  },
})

/** Texts that are remembered of one counter; beyond that all are made anew. */
const mostTexts = 4096

/** Texts made of a name, the very same each time: what is kept under them is found without reading them. */
function createTexts(make: (name: string) => string): (name: string) => string {
  const known = new Map<string, string>()
  return (name) => {
    let text = known.get(name)
    if (text === undefined) {
      if (known.size >= mostTexts) known.clear()
      known.set(name, (text = make(name)))
    }
    return text
  }
}

const nothingCharged: ChargeOutcome = Object.freeze({ allowed: true, limits: [], refusedBy: -1, delayMs: 0 })

function stateIn({ charged }: Ledger, key: string): LimitState | undefined {
  return charged.find((one) => one.key === key)?.state
}

/** Charges that the run has not had yet. */
function without({ charges, metas }: Planned, ledger: Ledger): Planned {
  const left = charges.map((_, i) => i).filter((i) => stateIn(ledger, (charges[i] as Charge).key) === undefined)
  return { charges: left.map((i) => charges[i] as Charge), metas: left.map((i) => metas[i] as Meta) }
}

function countersIn({ charges, metas }: Planned): readonly NamedCounter[] {
  return charges.flatMap((one, i) => {
    const { level, window } = metas[i] as Meta
    return one.kind === 'counter' && window ? [{ level, window: window.text, charge: one }] : []
  })
}

/** What a window that never ends has no use for, and whom it counts without an end. */
function checkTotal({ unit, every, algorithm, zone, per }: WindowRow): NodeProblem | undefined {
  if (unit !== 'total') return undefined
  if (every !== 1 || algorithm !== 'fixed' || zone.trim() !== '') {
    return { code: 'quota.total', severity: 'warning', property: 'windows', message: 'A window in all never begins anew: every, counting and time zone mean nothing to it.', remedy: 'Set every to 1 and counting to fixed, and leave the time zone empty; or choose another unit.' }
  }
  if (per !== 'ip' && per !== 'key') return undefined
  return { code: 'quota.total_kept', severity: 'warning', property: 'windows', message: `A window in all per ${per} keeps a count for ever of each that ever calls.`, remedy: 'Count applications or subscriptions in all, or make sure that callers cannot show as many as they like.' }
}

function checkWhole(value: string | number, property: string, what: string): NodeProblem | undefined {
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value)
  if (Number.isSafeInteger(number) && number >= 0) return undefined
  return { code: 'limit.number', property, message: `${what} must be a whole number from 0, but is “${value}”.`, remedy: 'Enter a whole number, or choose where it comes from.' }
}
