import { every, labelPathOf } from '../../runtime/core/labels/label-path.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import { putAt } from '../../runtime/core/labels/names.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { checkTypedValue } from '../../runtime/core/values/typed-value.ts'
import { collectStep } from './collect.ts'
import { type JoinConfig, partsLimit } from './config.ts'
import { toJoiner } from './joiner.ts'
import { reduceStep } from './reduce.ts'

const text = { type: 'string', default: '' } as const

/** Makes one message from a sequence of messages of the same run. */
export const join = defineNode<JoinConfig, 'out'>({
  type: 'join',
  category: 'sequence',
  label: { en: 'join', 'zh-TW': '合併' },
  summary: { en: 'Joins a sequence of messages into one.', 'zh-TW': '將一串訊息合併為一則。' },
  icon: 'join.svg',
  stockForm: 'sequence/17-split',
  outputs: ['out'],
  leaks: nothing,
  labels({ mode, build, property, propertyType, key }, input) {
    const path = propertyType === 'full' ? ['payload'] : labelPathOf(property)
    // Of an automatic join the parts say when it runs what it makes, and where.
    if (mode !== 'custom' || !path) return input.anywhere
    const value = propertyType === 'full' ? input : input.at(path)
    const joined = build === 'array' ? value.under([every]) : build === 'object' ? value.under([every]).and(labelsOfValue(key, 'msg', input).anywhere) : build === 'merged' ? value : value.anywhere
    return propertyType === 'full' ? input.put(['payload'], joined) : putAt(input, property, joined)
  },
  faults: ['flow.sequence_too_large', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      mode: { enum: ['auto', 'custom', 'reduce'], default: 'auto' },
      build: { enum: ['string', 'buffer', 'array', 'object', 'merged'], default: 'array' },
      property: { type: 'string', default: 'payload' },
      propertyType: { enum: ['msg', 'full'], default: 'msg' },
      key: { type: 'string', default: 'topic' },
      joiner: { ...text, default: '\\n' },
      joinerType: { enum: ['str', 'bin'], default: 'str' },
      useparts: { type: 'boolean', default: true },
      accumulate: { type: 'boolean', default: false },
      timeout: { type: 'number', minimum: 0, default: 0 },
      count: { type: 'integer', minimum: 0, maximum: partsLimit },
      reduceRight: { type: 'boolean', default: false },
      reduceExp: text,
      reduceInit: text,
      reduceInitType: { type: 'string', default: 'str' },
      reduceFixup: text,
    },
  },
  migrate(config) {
    const migrated: Record<string, unknown> = { ...config }
    for (const [name, value] of Object.entries(config)) if (value === '' || value === null) delete migrated[name]
    for (const name of ['timeout', 'count']) {
      const value = migrated[name]
      if (typeof value === 'string' && !Number.isNaN(Number(value))) migrated[name] = Number(value)
    }
    for (const name of ['accumulate', 'useparts', 'reduceRight']) if (name in migrated) migrated[name] = migrated[name] === true || migrated[name] === 'true'
    // An empty joiner is a choice, not a missing one.
    if (config.joiner === '') migrated.joiner = ''
    return migrated
  },
  check(config) {
    const problems: (NodeProblem | undefined)[] = []
    if (config.mode === 'reduce') {
      if (config.reduceExp === '') problems.push({ code: 'join.no_expression', property: 'reduceExp', message: 'The join has no expression to reduce with.', remedy: 'Enter one, such as $A + payload.' })
      else problems.push(checkTypedValue(config.reduceExp, 'jsonata', 'reduceExp'))
      if (config.reduceFixup !== '') problems.push(checkTypedValue(config.reduceFixup, 'jsonata', 'reduceFixup'))
      problems.push(checkTypedValue(config.reduceInit, config.reduceInitType, 'reduceInit'))
    }
    if (config.mode === 'custom') {
      problems.push(checkTypedValue(config.property, 'msg', 'property'))
      if (config.build === 'object') problems.push(checkTypedValue(config.key, 'msg', 'key'))
      if (toJoiner(config) === undefined) problems.push({ code: 'join.joiner', property: 'joiner', message: `“${config.joiner}” is not a JSON array of bytes.`, remedy: 'Write it like [13, 10].' })
    }
    return problems.filter((problem) => problem !== undefined)
  },
  compile: (config, scope) => (config.mode === 'reduce' ? reduceStep(config, scope) : collectStep(config, scope)),
})
