import { Body } from '../../runtime/core/http/body.ts'
import { fault } from '../../runtime/core/fault.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { parseMessagePath, setProperty } from '../../runtime/core/values/property.ts'
import { checkTypedValue } from '../../runtime/core/values/typed-value.ts'
import { followTable } from './labels.ts'
import { checkExample } from './mapping/check-example.ts'
import { checkRows } from './mapping/check.ts'
import { compileRows, TooMuchWork, workLimit, type Given } from './mapping/evaluate.ts'
import { sourcesOf } from './mapping/sources-of.ts'
import { toFunctionTable } from './mapping/function-table.ts'
import type { Row } from './mapping/row.ts'

export interface MapConfig {
  readonly rows: readonly Row[]
  readonly into: string
  readonly example: string
}

/** Makes an object by a table: target field ← source, functions, default. No code, and nothing that can run away. */
export const map = defineNode<MapConfig, 'out'>({
  type: 'map',
  category: 'transform',
  label: { en: 'map', 'zh-TW': '對應' },
  summary: { en: 'Makes a new value by a table of target fields and where each comes from, without code.', 'zh-TW': '以「目標欄位 ← 來源」的表格產生新的值，不需寫程式。' },
  icon: 'fa-table',
  color: '#E6E0F8',
  outputs: ['out'],
  leaks: nothing,
  labels: followTable,
  pure: true,
  moreHelp: toFunctionTable,
  faults: ['map.limit', 'step.config', 'body.malformed'],
  config: {
    type: 'object',
    properties: {
      into: {
        type: 'string', default: 'payload', minLength: 1, title: 'Result into', description: 'Property of the message that gets the result: payload, or another such as weather, so that the payload stays.',
        'x-form': { 'zh-TW': { title: '結果放入', description: '接收結果的訊息屬性：payload，或如 weather 等其他屬性，讓 payload 保持不變。' } },
      },
      rows: {
        type: 'array', default: [], items: {}, title: 'Table', description: 'Each row makes a field of the result of a source or a constant, by functions from a list.',
        'x-form': { control: 'map', 'zh-TW': { title: '表格', description: '每一列以來源或常數，經清單中的函式，產生結果的一個欄位。' } },
      },
      example: { type: 'string', default: '', maxLength: 200_000, 'x-form': { control: 'hidden' }, description: 'An example message as JSON, for preview and checks.' },
    },
  },
  check(config) {
    const problems: NodeProblem[] = []
    const into = config.into === 'req' || config.into === 'res' ? undefined : checkTypedValue(config.into, 'msg', 'into')
    if (into) problems.push(into)
    const found = checkRows(config.rows)
    const all = found.length > 0 ? found : checkExample(config.rows, config.example)
    // An empty table is one that somebody is about to fill, with the messages that he records by it.
    const severity = config.rows.length === 0 ? 'warning' : 'error'
    for (const { code, message, remedy } of all) problems.push({ severity, code, property: 'rows', message: message.en, remedy: remedy.en })
    return problems
  },
  compile(config, scope) {
    const make = compileRows(config.rows)
    const remember = scope.remember?.()
    const paths = sourcesOf(config.rows)
    const into = parseMessagePath(config.into)
    const name = into.length === 1 && typeof into[0] === 'string' ? into[0] : undefined
    return (message, on) => {
      const value = remember ? remember({ roots: message, paths }, on, () => run(make, message)) : run(make, message)
      if (name !== undefined) return { out: { ...message, [name]: value } }
      const changed = setProperty(message, into, value)
      if (changed === undefined) throw fault('step.config', { message: `The message has no place “${config.into}” for the result.` })
      return { out: changed as Message }
    }
  },
})

function run(make: (given: Given) => unknown, message: Message): unknown {
  try {
    return make({ root: (name) => rootOf(message, name), open })
  } catch (error) {
    if (error instanceof TooMuchWork) throw fault('map.limit', { limit: workLimit }, error)
    throw error
  }
}

function open(value: unknown): unknown {
  return value instanceof Body ? value.value() : value
}

/** A property of the message as plain data: the request as its facts; the response handle is nothing to read. */
function rootOf(message: Message, name: string): unknown {
  if (name === 'res' || !Object.hasOwn(message, name)) return undefined
  const value = message[name]
  if (name !== 'req') return value
  const { toJSON } = Object(value) as { toJSON?: unknown }
  return typeof toJSON === 'function' ? toJSON.call(value) : value
}
