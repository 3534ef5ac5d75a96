import { followMerge } from './labels.ts'
import { Body, resolve } from '../../runtime/core/http/body.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { getProperty, parsePath, PathError, setProperty, parseMessagePath } from '../../runtime/core/values/property.ts'
import { fault } from '../../runtime/core/fault.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { type Conflict, type Source, concat, mergeByKey, mergeDeep, mergeShallow } from './strategies.ts'

const sourceTypes = ['msg', 'jsonata', 'json', 'str', 'env'] as const

export interface MergeConfig {
  readonly sources: readonly { readonly value: string; readonly valueType: (typeof sourceTypes)[number] }[]
  readonly strategy: 'deep' | 'shallow' | 'concat' | 'by key' | 'template'
  readonly conflict: Conflict
  readonly key: string
  readonly template: string
  readonly target: string
}

/** Makes one value of several, by a rule that says what happens when they disagree. */
export const merge = defineNode<MergeConfig, 'out'>({
  type: 'merge',
  category: 'transform',
  label: { en: 'merge', 'zh-TW': '合併' },
  summary: { en: 'Makes one value of several: objects, lists, lists by key, or by an expression.', 'zh-TW': '將多個值合併為一：物件、清單、依鍵合併的清單，或以運算式合併。' },
  icon: 'fa-compress',
  color: '#E2D96E',
  outputs: ['out'],
  leaks: nothing,
  labels: followMerge,
  pure: true,
  faults: ['merge.conflict', 'merge.input', 'expression.error', 'body.malformed'],
  config: {
    type: 'object',
    properties: {
      sources: {
        type: 'array', default: [], title: 'Sources', description: 'What to merge, in order. None: every value of the payload, such as the results of a parallel node.',
        'x-form': { 'zh-TW': { title: '來源', description: '依序合併的值。未列出時：payload 中的每個值，例如 parallel 節點的結果。' } },
        items: {
          type: 'object',
          properties: {
            value: { type: 'string', default: 'payload', title: 'Value', 'x-form': { 'zh-TW': { title: '值' } } },
            valueType: { enum: sourceTypes, default: 'msg' },
          },
        },
      },
      strategy: {
        enum: ['deep', 'shallow', 'concat', 'by key', 'template'], default: 'deep', title: 'How',
        description: 'deep: objects at every level; shallow: their own keys; concat: one list; by key: lists whose items with the same key become one; template: an expression.',
        'x-form': { 'zh-TW': { title: '方式', description: '深層：各層物件合併；淺層：只合併第一層；串接：一個清單；依鍵：相同鍵的項目合併；範本：運算式。', choices: { deep: '深層', shallow: '淺層', concat: '串接', 'by key': '依鍵', template: '範本' } } },
      },
      conflict: {
        enum: ['last', 'first', 'fail'], default: 'fail', title: 'When they disagree', description: 'Which value stands when two sources say something different of the same place; fail: neither, it is a fault.',
        'x-form': { when: { strategy: ['deep', 'shallow', 'by key'] }, 'zh-TW': { title: '值不一致時', description: '兩個來源對同一處的值不同時採用哪一個；失敗：視為錯誤。', choices: { last: '採用後者', first: '採用前者', fail: '失敗' } } },
      },
      key: {
        type: 'string', default: 'id', title: 'Key', description: 'Property by which items belong together, such as id or station.code.',
        'x-form': { when: { strategy: ['by key'] }, 'zh-TW': { title: '鍵', description: '判斷項目是否相同的屬性，例如 id 或 station.code。' } },
      },
      template: {
        type: 'string', default: '', title: 'Template', description: 'JSONata over the list of sources: $[0] is the first. $message is the whole message.',
        'x-form': { control: 'jsonata', when: { strategy: ['template'] }, 'zh-TW': { title: '範本', description: '對來源清單求值的 JSONata：$[0] 是第一個來源；$message 是整則訊息。' } },
      },
      target: { type: 'string', default: 'payload', title: 'Into', description: 'Property that gets the result.', 'x-form': { 'zh-TW': { title: '存入', description: '存放結果的屬性。' } } },
    },
  },
  check({ sources, strategy, key, template, target }) {
    const problems: (NodeProblem | undefined)[] = sources.map(({ value, valueType }) => checkTypedValue(value, valueType, 'sources'))
    problems.push(checkTypedValue(target, 'msg', 'target'))
    if (strategy === 'by key') problems.push(checkKey(key))
    if (strategy === 'template') problems.push(template.trim() === '' ? { code: 'merge.no_template', property: 'template', message: 'The merge has no template.', remedy: 'Enter a JSONata expression over the sources, such as { "a": $[0], "b": $[1] }.' } : checkTypedValue(template, 'jsonata', 'template'))
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const { strategy, conflict } = config
    const target = parseMessagePath(config.target)
    const inputs = await Promise.all(config.sources.map(async ({ value, valueType }) => ({ name: value, input: await compileTypedValue(value, valueType, scope) })))
    const key = strategy === 'by key' ? parsePath(config.key) : undefined
    const keyOf = (item: unknown) => (key ? getProperty(item, key) : undefined)
    const host = { owner: scope.node.owner, id: scope.node.id, env: (name: string) => scope.env(name), contexts: scope.contexts }
    const template = strategy === 'template' ? await scope.sandbox.jsonataOf(config.template, host) : undefined

    function send(message: Message, value: unknown): { out: Message } {
      const out = setProperty(message, target, value ?? null)
      if (out === undefined) throw fault('step.config', { message: `“${config.target}” cannot be set in this message.` })
      return { out }
    }

    function combine(sources: readonly Source[]): unknown {
      switch (strategy) {
        case 'shallow':
          return mergeShallow(sources, conflict)
        case 'concat':
          return concat(sources)
        case 'by key':
          return mergeByKey(sources, keyOf, conflict)
        default:
          return mergeDeep(sources, conflict)
      }
    }

    return function merge(message, run) {
      const goOn = (values: readonly unknown[], names: readonly string[]) => {
        const read = values.map(resolve)
        if (!template) return send(message, combine(read.map((value, at) => ({ name: names[at] as string, value }))))
        const made = template(read, run, { message: withoutHandles(message) })
        return made instanceof Promise ? made.then((value: unknown) => send(message, value)) : send(message, made)
      }
      if (inputs.length === 0) {
        const all = valuesOf(message.payload)
        return goOn(all.map(([, value]) => value), all.map(([name]) => `payload.${name}`))
      }
      const values = inputs.map(({ input }) => input.evaluate(message, run))
      const names = inputs.map(({ name }) => name)
      return values.some((value) => value instanceof Promise) ? Promise.all(values).then((all) => goOn(all, names)) : goOn(values, names)
    }
  },
})

function checkKey(text: string): NodeProblem | undefined {
  try {
    parsePath(text)
    return undefined
  } catch (error) {
    if (!(error instanceof PathError)) throw error
    return { code: 'value.path', property: 'key', message: error.message, remedy: 'Write it like station.code.' }
  }
}

function valuesOf(payload: unknown): [string, unknown][] {
  const value = resolve(payload)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) throw fault('merge.input', { source: 'payload', is: value === null || value === undefined ? 'empty' : `a ${typeof value}`, expected: 'an object or a list of what to merge' })
  return Object.entries(value)
}

/** The message as an expression may see it: bodies read, handles left out. */
function withoutHandles(message: Message): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(message)) {
    if (name === 'res' || name === 'req') continue
    plain[name] = value instanceof Body ? value.value() : value
  }
  return plain
}
