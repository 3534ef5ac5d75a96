import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import type { Port } from './held.ts'
import { pauseStep } from './pause.ts'
import { burstStep, dropStep, queueStep, topicStep } from './rate.ts'

const units = { milliseconds: 1, seconds: 1_000, minutes: 60_000, hours: 3_600_000, days: 86_400_000 } as const
const rateUnits = { second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const

export interface DelayConfig {
  readonly pauseType: 'delay' | 'delayv' | 'random' | 'rate' | 'queue' | 'timed' | 'burst'
  readonly timeout: number
  readonly timeoutUnits: keyof typeof units
  readonly rate: number
  readonly nbRateUnits: number
  readonly rateUnits: keyof typeof rateUnits
  readonly randomFirst: number
  readonly randomLast: number
  readonly randomUnits: keyof typeof units
  readonly drop: boolean
  readonly allowrate: boolean
  readonly outputs: number
}

const number = (standard: number) => ({ type: 'number', minimum: 0, default: standard }) as const

/** Holds messages for a time, or lets them through at a rate. */
export const delay = defineNode<DelayConfig, Port>({
  type: 'delay',
  category: 'sequence',
  label: { en: 'delay', 'zh-TW': '延遲' },
  summary: { en: 'Delays each message, or limits the rate at which they pass.', 'zh-TW': '延遲每則訊息，或限制訊息通過的速率。' },
  icon: 'timer.svg',
  stockForm: 'function/89-delay',
  outputs: (config) => (config.outputs === 2 ? ['out', 'dropped'] : ['out']),
  labels: unchanged,
  leaks: nothing,
  faults: ['flow.sequence_too_large'],
  config: {
    type: 'object',
    properties: {
      pauseType: { enum: ['delay', 'delayv', 'random', 'rate', 'queue', 'timed', 'burst'], default: 'delay' },
      timeout: number(5),
      timeoutUnits: { enum: Object.keys(units), default: 'seconds' },
      rate: number(1),
      nbRateUnits: number(1),
      rateUnits: { enum: Object.keys(rateUnits), default: 'second' },
      randomFirst: number(1),
      randomLast: number(5),
      randomUnits: { enum: Object.keys(units), default: 'seconds' },
      drop: { type: 'boolean', default: false },
      allowrate: { type: 'boolean', default: false },
      outputs: { enum: [1, 2], default: 1 },
    },
  },
  migrate(config) {
    const migrated: Record<string, unknown> = { ...config }
    for (const name of ['timeout', 'rate', 'nbRateUnits', 'randomFirst', 'randomLast', 'outputs']) {
      const value = config[name]
      if (value === '' || value === null) delete migrated[name]
      else if (typeof value === 'string' && !Number.isNaN(Number(value))) migrated[name] = Number(value)
    }
    // Old flows carry a unit the form no longer offers, or none: seconds is what Node-RED makes of both.
    for (const name of ['timeoutUnits', 'randomUnits']) if (!Object.hasOwn(units, String(config[name]))) delete migrated[name]
    if (!Object.hasOwn(rateUnits, String(config.rateUnits))) delete migrated.rateUnits
    return migrated
  },
  check(config) {
    const problems: NodeProblem[] = []
    const limits = config.pauseType === 'rate' || config.pauseType === 'queue' || config.pauseType === 'timed' || config.pauseType === 'burst'
    if (limits && config.rate === 0) problems.push({ code: 'delay.rate', property: 'rate', message: 'The delay lets no message through: its rate is 0.', remedy: 'Enter a rate above 0.' })
    if (config.pauseType === 'random' && config.randomLast < config.randomFirst) {
      problems.push({ code: 'delay.random', property: 'randomLast', message: 'The longest random delay is shorter than the shortest.', remedy: 'Swap the two numbers.' })
    }
    return problems
  },
  compile(config, scope) {
    const timeoutMs = config.timeout * units[config.timeoutUnits]
    const windowMs = (config.nbRateUnits > 0 ? config.nbRateUnits : 1) * rateUnits[config.rateUnits]
    const options = { everyMs: windowMs / config.rate, allowRate: config.allowrate, secondOutput: config.outputs === 2 }
    switch (config.pauseType) {
      case 'delay':
        return pauseStep(scope, () => timeoutMs)
      case 'delayv':
        return pauseStep(scope, (message) => {
          const given = Number.parseFloat(String(message.delay as number))
          return Math.max(0, Number.isNaN(given) ? timeoutMs : given)
        })
      case 'random': {
        const [firstMs, lastMs] = [config.randomFirst * units[config.randomUnits], config.randomLast * units[config.randomUnits]]
        return pauseStep(scope, () => firstMs + (lastMs - firstMs) * Math.random())
      }
      case 'rate':
        return config.drop ? dropStep(scope, options) : queueStep(scope, options)
      case 'burst':
        return burstStep(scope, { count: config.rate, windowMs, secondOutput: options.secondOutput })
      case 'queue':
      case 'timed':
        return topicStep(scope, { ...options, all: config.pauseType === 'timed' })
    }
  },
})
