import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { getProperty, parseMessagePath, setProperty } from '../../runtime/core/values/property.ts'
import type { Step } from '../../runtime/core/step.ts'
import { checkTypedValue } from '../../runtime/core/values/typed-value.ts'

export interface RangeConfig {
  readonly property: string
  readonly action: 'scale' | 'clamp' | 'roll' | 'drop'
  readonly round: boolean
  readonly minin: number
  readonly maxin: number
  readonly minout: number
  readonly maxout: number
}

/** Maps a number from one range to another. */
export const range = defineNode<RangeConfig, 'out'>({
  type: 'range',
  category: 'transform',
  label: { en: 'range', 'zh-TW': '範圍換算' },
  summary: { en: 'Maps a number from one range to another.', 'zh-TW': '將數值由一個範圍換算至另一個範圍。' },
  icon: 'range.svg',
  stockForm: 'function/16-range',
  outputs: ['out'],
  labels: unchanged,
  leaks: nothing,
  pure: true,
  config: {
    type: 'object',
    properties: {
      property: { type: 'string', default: 'payload' },
      action: { enum: ['scale', 'clamp', 'roll', 'drop'], default: 'scale', description: 'What happens to numbers outside the input range.' },
      round: { type: 'boolean', default: false },
      minin: { type: 'number' },
      maxin: { type: 'number' },
      minout: { type: 'number' },
      maxout: { type: 'number' },
    },
    required: ['minin', 'maxin', 'minout', 'maxout'],
  },
  migrate({ property, action, round, ...rest }) {
    const migrated: Record<string, unknown> = { ...rest, property: property || 'payload', action: action || 'scale', round: round === true || round === 'true' }
    for (const name of ['minin', 'maxin', 'minout', 'maxout']) {
      const value = migrated[name]
      if (typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value))) migrated[name] = Number(value)
    }
    return migrated
  },
  check(config) {
    const problems: (NodeProblem | undefined)[] = [checkTypedValue(config.property, 'msg', 'property')]
    if (config.minin === config.maxin) problems.push({ code: 'range.empty', property: 'maxin', message: 'The input range has no width.', remedy: 'Give the input range two different ends.' })
    return problems.filter((problem) => problem !== undefined)
  },
  compile(config): Step<'out'> {
    const path = parseMessagePath(config.property)
    const turned = config.minin > config.maxin
    const [low, high] = turned ? [config.maxin, config.minin] : [config.minin, config.maxin]
    const [from, to] = turned ? [config.maxout, config.minout] : [config.minout, config.maxout]
    const first = config.round ? Math.ceil(from) : from
    const last = config.round ? Math.floor(to) : to
    return function range(message, run) {
      const value = getProperty(message, path)
      if (value === undefined) return { out: message }
      let number = Number(value)
      if (Number.isNaN(number)) {
        run.log.info({ property: config.property }, 'the range node met a value that is no number; the message ends here')
        return undefined
      }
      if (config.action === 'drop' && (number < low || number > high)) return undefined
      if (config.action === 'clamp') number = Math.min(high, Math.max(low, number))
      if (config.action === 'roll') number = ((((number - low) % (high - low)) + (high - low)) % (high - low)) + low
      const mapped = ((number - low) / (high - low)) * (last - first) + first
      return { out: setProperty(message, path, config.round ? Math.round(mapped) : mapped) ?? message }
    }
  },
})
