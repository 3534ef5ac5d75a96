import { fault } from '../../runtime/core/fault.ts'
import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import type { MessageClient } from '../../runtime/core/access/clients.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import { type AuditedAct, auditLedger } from '../../runtime/core/state/ledger.ts'
import type { LimitState } from '../../runtime/core/state/state.ts'
import type { Sends } from '../../runtime/core/step.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { after, createReader, type NumberType, numberSchema, numberTypeSchema, toWhole } from '../shared/limits/limit-inputs.ts'
import { type Level, levels } from '../shared/limits/limit-level.ts'
import { toStanding } from '../shared/limits/limit-refusal.ts'
import { type NamedCounter, openQuotaRegistry } from '../shared/limits/quota-registry.ts'
import { sharedName } from '../shared/shared-name.ts'

const whoTypes = ['str', 'msg', 'jsonata', 'env'] as const

export interface ResetQuotaConfig {
  readonly quota: string
  readonly per: Level | 'caller'
  readonly who: string
  readonly whoType: (typeof whoTypes)[number]
  readonly op: 'add' | 'set' | 'zero'
  readonly amount: string | number
  readonly amountType: NumberType
  readonly reason: string
  readonly reasonType: (typeof whoTypes)[number]
}

/** Corrects what a quota has left, for the caller or for somebody named. */
export const resetQuota = defineNode<ResetQuotaConfig, 'ok'>({
  type: 'reset quota',
  category: 'protect',
  label: { en: 'reset quota', 'zh-TW': '調整配額' },
  summary: { en: 'Corrects what a quota has left: adds calls, sets them or counts anew.', 'zh-TW': '修正配額的剩餘量：增加、設定，或重新計數。' },
  icon: 'fa-undo',
  outputs: ['ok'],
  labels: unchanged,
  leaks: nothing,
  faults: ['quota.unknown', 'limit.value', 'limit.no_client', 'limit.no_plan', 'state.unavailable', 'ledger.unavailable', 'expression.error'],
  config: {
    type: 'object',
    required: ['quota'],
    properties: {
      quota: { type: 'string', default: '', maxLength: 100, title: 'Counter', description: 'Counter name of the quota to correct, or the name of its node when it has none.' },
      per: { enum: ['caller', ...levels], default: 'caller', title: 'For', description: 'caller: everything the quota would count for this message. Else one level, for whom is named below.' },
      who: { type: 'string', default: '', title: 'Who', 'x-form': { when: { per: levels.filter((level) => level !== 'all') } }, description: 'An application’s id, application/api for a subscription, an address, the value of a key (a list when it has several parts).' },
      whoType: { enum: whoTypes, default: 'msg' },
      op: { enum: ['add', 'set', 'zero'], default: 'add', title: 'Change', description: 'add gives so many more in the current window (below 0 takes away), in all for good; set leaves so many; zero counts anew.' },
      amount: { ...numberSchema('100', 'Calls', 'How many calls to add, or to leave.'), 'x-form': { when: { op: ['add', 'set'] } } },
      amountType: numberTypeSchema,
      reason: { type: 'string', default: '', title: 'Reason', description: 'Kept in the audit log with what was changed.' },
      reasonType: { enum: whoTypes, default: 'str' },
    },
  },
  check(config) {
    const problems: (NodeProblem | undefined)[] = [checkTypedValue(config.reason, config.reasonType, 'reason')]
    if (config.quota.trim() === '') problems.push({ code: 'quota.no_name', property: 'quota', message: 'The reset quota node names no quota.', remedy: 'Enter the counter name of a quota node.' })
    if (config.op !== 'zero') problems.push(checkTypedValue(config.amount, config.amountType, 'amount'))
    const text = String(config.amount).trim()
    if (config.op !== 'zero' && config.amountType === 'num' && !(text !== '' && Number.isSafeInteger(Number(text)))) problems.push({ code: 'limit.number', property: 'amount', message: `The number of calls must be a whole number, but is “${config.amount}”.`, remedy: 'Enter a whole number, or choose where it comes from.' })
    if (config.per !== 'caller' && config.per !== 'all') {
      if (config.who.trim() === '') problems.push({ code: 'quota.no_who', property: 'who', message: 'The reset quota node does not say whose quota to correct.', remedy: 'Enter who, or where it comes from, or choose the caller.' })
      else problems.push(checkTypedValue(config.who, config.whoType, 'who'))
    }
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const { op, per } = config
    const name = config.quota.trim()
    const registry = openQuotaRegistry(scope)
    const named = per !== 'caller' && per !== 'all'
    const read = createReader([
      await compileTypedValue(op === 'zero' ? '0' : config.amount, op === 'zero' ? 'num' : config.amountType, scope),
      await compileTypedValue(named ? config.who : '', named ? config.whoType : 'str', scope),
      await compileTypedValue(config.reason, config.reasonType, scope),
    ])

    async function correct(message: Message, run: Run, [given, who, reason]: readonly unknown[]): Promise<Sends<'ok'>> {
      const quotas = registry.get(sharedName(scope, name))
      if (!quotas) throw fault('quota.unknown', { quota: name })
      if (named && (who === undefined || who === null || who === '')) throw fault('limit.value', { is: 'missing', least: 'a name' })
      const amount = toWhole(given, op === 'add' ? Number.MIN_SAFE_INTEGER : 0, 'limit.value')
      // Nodes of one name share their counters: each counter is corrected once.
      const counters = new Map<string, NamedCounter>()
      for (const countersOf of quotas) {
        for (const counter of await countersOf(message, run, per === 'caller' ? undefined : { level: per, who })) counters.set(counter.charge.key, counter)
      }
      if (counters.size === 0) throw fault('quota.unknown', { quota: name, per })
      const changed: object[] = []
      for (const { level, window, charge } of counters.values()) {
        const state: LimitState = await scope.state.adjust(charge, { op, amount })
        changed.push({ per: level, window, ...toStanding(state) })
        const done = { quota: name, per: level, counter: charge.key, window, op, amount, used: state.used, remaining: state.remaining, reason: String(reason ?? '').slice(0, 500) }
        run.log.info({ audit: 'quota.adjusted', node: scope.node.id, ...done }, 'a quota was corrected')
        await note(done, run)
      }
      return { ok: { ...message, quota: { name, limits: changed } } }
    }

    /** The audit log gets it by way of the journal, also when control is away. */
    async function note(done: Readonly<Record<string, unknown>>, run: Run): Promise<void> {
      const { id: node, flow, organisation } = scope.node
      const client = (run.caller as Partial<MessageClient> | undefined)?.id ?? null
      const value: AuditedAct = { action: 'quota.adjust', detail: { ...done, client } }
      await scope.ledger?.appendSoon({ ledger: auditLedger, value, flow, node, run: run.id, ...(organisation === undefined ? {} : { organisation }) })
    }

    return function resetQuota(message, run) {
      return after<readonly unknown[], Sends<'ok'>>(read(message, run), (values) => correct(message, run, values))
    }
  },
})
