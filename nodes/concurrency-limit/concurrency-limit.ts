import { unchanged } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { LeaseCharge, OnLoss } from '../../runtime/core/state/state.ts'
import type { Sends } from '../../runtime/core/step.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { after, createReader, type NumberType, numberSchema, numberTypeSchema, toWhole, leaksOfNumbers } from '../shared/limits/limit-inputs.ts'
import { createLeaseKeeper } from '../shared/limits/limit-leases.ts'
import { checkFragments, compileFragments, type Fragment, fragmentsSchema, type Level, levelSchema, whoIs } from '../shared/limits/limit-level.ts'
import { createRefuse, type LimitPort, lossSchema, toRefusal } from '../shared/limits/limit-refusal.ts'
import { sharedName } from '../shared/shared-name.ts'

export interface ConcurrencyLimitConfig {
  readonly limit: string | number
  readonly limitType: NumberType
  readonly per: Level
  readonly key: readonly Fragment[]
  readonly slots: string
  readonly leaseMs: number
  readonly onLoss: OnLoss
}

/** Lets so many runs be under way at once. Each holds a slot until it ends, on whatever way. */
export const concurrencyLimit = defineNode<ConcurrencyLimitConfig, LimitPort>({
  type: 'concurrency limit',
  category: 'protect',
  label: { en: 'concurrency limit', 'zh-TW': '並行上限' },
  summary: { en: 'Lets only so many calls be under way at once.', 'zh-TW': '限制同時進行中的呼叫數量。' },
  icon: 'fa-clone',
  outputs: ['ok', 'refused'],
  labels: unchanged,
  leaks: ({ limit, limitType }, input) => leaksOfNumbers([['the limit', 'limit', limit, limitType]], input),
  faults: ['concurrency.exceeded', 'limit.value', 'limit.no_client', 'state.unavailable', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      limit: numberSchema('10', 'Limit', 'Most calls under way at once: a whole number, or where it comes from.'),
      limitType: numberTypeSchema,
      per: levelSchema('api'),
      key: fragmentsSchema,
      slots: { type: 'string', default: '', maxLength: 100, title: 'Counter', description: 'Nodes with the same counter name share one set of slots. Empty: this node has its own.' },
      leaseMs: { type: 'integer', minimum: 1000, maximum: 600_000, default: 15_000, title: 'Lease', description: 'Milliseconds after which the slots of a gateway that died come free. Running calls renew theirs.' },
      onLoss: lossSchema,
    },
  },
  check(config) {
    const problems: (NodeProblem | undefined)[] = [checkTypedValue(config.limit, config.limitType, 'limit'), ...checkFragments(config.key, config.per === 'key')]
    const text = String(config.limit).trim()
    if (config.limitType === 'num' && !(text !== '' && Number.isSafeInteger(Number(text)) && Number(text) >= 0)) problems.push({ code: 'limit.number', property: 'limit', message: `The limit must be a whole number from 0, but is “${config.limit}”.`, remedy: 'Enter a whole number, or choose where it comes from.' })
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const name = config.slots.trim()
    const prefix = `concurrency/${sharedName(scope, name === '' ? scope.node.id : name)}`
    const refuse = createRefuse(scope)
    const leases = createLeaseKeeper(scope, config.leaseMs)
    const read = createReader([await compileTypedValue(config.limit, config.limitType, scope), ...(await compileFragments(config.key, scope))])
    // Slots that a run has already, so that it does not ask for them again and frees each once.
    const heldKey = scope.share('held', () => ({}), () => {})

    function enter(message: Message, run: Run, [limit, ...fragments]: readonly unknown[]): Sends<LimitPort> | Promise<Sends<LimitPort>> {
      const held = run.state(heldKey, () => new Map<string, Promise<unknown> | true>(), 'run')
      const lease: LeaseCharge = { kind: 'lease', key: `${prefix}/${whoIs(config.per, message, run, fragments, scope)}`, limit: toWhole(limit, 0, 'limit.value'), token: run.id, ttlMs: config.leaseMs }
      const before = held.get(lease.key)
      if (before === true) return { ok: message }
      // Another branch of this run is asking for the same slot.
      if (before) return before.then(() => enter(message, run, [limit, ...fragments]))
      const outcome = scope.state.charge([lease], config.onLoss)
      const settled = after(outcome, (known): Sends<LimitPort> => {
        held.delete(lease.key)
        if (!known.allowed) return refuse(message, run, toRefusal('concurrency.exceeded', { limit: lease.limit }, [lease], known, scope.state.now(), [{ per: config.per }]))
        held.set(lease.key, true)
        leases.keep(lease, run)
        return { ok: message }
      })
      if (settled instanceof Promise) held.set(lease.key, settled.catch(() => {}))
      return settled
    }

    return function concurrencyLimit(message, run) {
      return after<readonly unknown[], Sends<LimitPort>>(read(message, run), (values) => enter(message, run, values))
    }
  },
})
