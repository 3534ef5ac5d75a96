import { unchanged } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { ChargeOutcome, OnLoss, RateCharge } from '../../runtime/core/state/state.ts'
import type { Sends } from '../../runtime/core/step.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'
import { after, createReader, type NumberType, numberSchema, numberTypeSchema, toWhole, leaksOfNumbers } from '../shared/limits/limit-inputs.ts'
import { checkFragments, compileFragments, type Fragment, fragmentsSchema, type Level, levelSchema, whoIs } from '../shared/limits/limit-level.ts'
import { createRefuse, type LimitPort, lossSchema, toRefusal } from '../shared/limits/limit-refusal.ts'
import { sharedName } from '../shared/shared-name.ts'

const unitMs = { second: 1000, minute: 60_000 } as const

/** Calls that one node holds back at once, of all runs together: what comes on top is refused. */
const waitingLimit = 10_000

export interface SpikeArrestConfig {
  readonly rate: string | number
  readonly rateType: NumberType
  readonly unit: keyof typeof unitMs
  readonly burst: number
  readonly per: Level
  readonly key: readonly Fragment[]
  readonly weight: string | number
  readonly weightType: NumberType
  readonly mode: 'reject' | 'delay'
  readonly maxDelayMs: number
  readonly rateName: string
  readonly onLoss: OnLoss
}

/** Keeps calls apart: so many per second or minute, evenly, with a burst when it is allowed (GCRA). */
export const spikeArrest = defineNode<SpikeArrestConfig, LimitPort>({
  type: 'spike arrest',
  category: 'protect',
  label: { en: 'spike arrest', 'zh-TW': '突波抑制' },
  summary: { en: 'Smooths calls to a rate: refuses or delays what comes too fast.', 'zh-TW': '把呼叫平滑為固定速率：太快的拒絕或延後。' },
  icon: 'fa-area-chart',
  outputs: ['ok', 'refused'],
  labels: unchanged,
  leaks: ({ rate, rateType, weight, weightType }, input) => leaksOfNumbers([['the rate', 'rate', rate, rateType], ['the weight', 'weight', weight, weightType]], input),
  faults: ['spike.exceeded', 'limit.weight', 'limit.value', 'limit.no_client', 'state.unavailable', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      rate: numberSchema('10', 'Rate', 'Calls per second or minute. They pass evenly: 30 a minute is one every two seconds.'),
      rateType: numberTypeSchema,
      unit: { enum: ['second', 'minute'], default: 'second', title: 'Per time' },
      burst: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 1, title: 'Burst', description: 'Calls that may come at once after a rest. 1 keeps every two calls apart.' },
      per: levelSchema('api'),
      key: fragmentsSchema,
      weight: numberSchema('1', 'Weight', 'How many calls one call counts as: a whole number from 0, or where it comes from.'),
      weightType: numberTypeSchema,
      mode: { enum: ['reject', 'delay'], default: 'reject', title: 'Too fast', description: 'reject refuses at once; delay holds the call back until its turn, if that is near enough.' },
      maxDelayMs: { type: 'integer', minimum: 1, maximum: 60_000, default: 1000, title: 'Longest delay', 'x-form': { when: { mode: ['delay'] } }, description: 'Milliseconds. A call whose turn is later is refused at once; so is one that would pass its deadline.' },
      rateName: { type: 'string', default: '', maxLength: 100, title: 'Counter', description: 'Spike arrest nodes with the same counter name share one rate. Empty: this node has its own.' },
      onLoss: lossSchema,
    },
  },
  check(config) {
    const problems: (NodeProblem | undefined)[] = [
      checkTypedValue(config.rate, config.rateType, 'rate'),
      checkTypedValue(config.weight, config.weightType, 'weight'),
      ...checkFragments(config.key, config.per === 'key'),
    ]
    if (config.rateType === 'num' && !isWhole(config.rate, 1)) problems.push({ code: 'limit.number', property: 'rate', message: `The rate must be a whole number from 1, but is “${config.rate}”.`, remedy: 'Enter a whole number; for less than one a second, count per minute.' })
    if (config.weightType === 'num' && !isWhole(config.weight, 0)) problems.push({ code: 'limit.number', property: 'weight', message: `The weight must be a whole number from 0, but is “${config.weight}”.`, remedy: 'Enter a whole number, or choose where it comes from.' })
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const { burst, per, onLoss } = config
    const name = config.rateName.trim()
    const prefix = `spike/${sharedName(scope, name === '' ? scope.node.id : name)}`
    const refuse = createRefuse(scope)
    const read = createReader([
      await compileTypedValue(config.rate, config.rateType, scope),
      await compileTypedValue(config.weight, config.weightType, scope),
      ...(await compileFragments(config.key, scope)),
    ])
    let waiting = 0

    function toCharge(message: Message, run: Run, [rate, weight, ...fragments]: readonly unknown[]): RateCharge {
      const maxDelayMs = config.mode === 'delay' && waiting < waitingLimit ? Math.max(0, Math.min(config.maxDelayMs, run.deadline - scope.clock.now())) : 0
      return {
        kind: 'rate',
        key: `${prefix}/${whoIs(per, message, run, fragments, scope)}`,
        intervalMs: unitMs[config.unit] / toWhole(rate, 1, 'limit.value'),
        burst,
        cost: toWhole(weight, 0, 'limit.weight'),
        maxDelayMs,
      }
    }

    function conclude(message: Message, run: Run, charge: RateCharge, outcome: ChargeOutcome): Sends<LimitPort> | Promise<Sends<LimitPort> | undefined> {
      if (!outcome.allowed) return refuse(message, run, toRefusal('spike.exceeded', { rate: Math.round(unitMs[config.unit] / charge.intervalMs), unit: config.unit }, [charge], outcome, scope.state.now(), [{ per }]))
      if (outcome.delayMs === 0) return { ok: message }
      // The line filled up while the store was asked.
      if (waiting >= waitingLimit) return refuse(message, run, { code: 'spike.exceeded', facts: { unit: config.unit }, checks: [{ check: 'line', passed: false, limit: waitingLimit }], retryAfter: 1 })
      return holdBack(message, run, outcome.delayMs)
    }

    /** Whoever leaves meanwhile leaves the line: nothing is sent for them. */
    function holdBack(message: Message, run: Run, delayMs: number): Promise<Sends<LimitPort> | undefined> {
      waiting++
      return new Promise((resolve) => {
        let stopListening = () => {}
        const end = (sends: Sends<LimitPort> | undefined) => {
          waiting--
          stopTimer()
          stopListening()
          resolve(sends)
        }
        const stopTimer = scope.clock.setTimer(() => end({ ok: message }), delayMs)
        stopListening = whenAborted(run, () => end(undefined))
      })
    }

    return function spikeArrest(message, run) {
      return after<readonly unknown[], Sends<LimitPort> | undefined>(read(message, run), (values) => {
        const charge = toCharge(message, run, values)
        return after<ChargeOutcome, Sends<LimitPort> | undefined>(scope.state.charge([charge], onLoss), (outcome) => conclude(message, run, charge, outcome))
      })
    }
  },
})

function isWhole(value: string | number, least: number): boolean {
  return String(value).trim() !== '' && Number.isSafeInteger(Number(value)) && Number(value) >= least
}
