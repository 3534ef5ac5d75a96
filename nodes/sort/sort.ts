import { fault } from '../../runtime/core/fault.ts'
import { labelPathOf } from '../../runtime/core/labels/label-path.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem, type Scope } from '../../runtime/core/node.ts'
import { getProperty, parseMessagePath, setProperty } from '../../runtime/core/values/property.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { Step } from '../../runtime/core/step.ts'
import { checkTypedValue } from '../../runtime/core/values/typed-value.ts'

export interface SortConfig {
  readonly order: 'ascending' | 'descending'
  readonly as_num: boolean
  readonly target: string
  /** msg: a list in a property; seq: a sequence of messages. */
  readonly targetType: 'msg' | 'seq'
  readonly msgKey: string
  readonly msgKeyType: 'elem' | 'jsonata'
  readonly seqKey: string
  readonly seqKeyType: 'msg' | 'jsonata'
}

/** Messages of sequences that a run may hold. */
const heldLimit = 10_000

/** Sorts a list in a property, or a sequence of messages. */
export const sort = defineNode<SortConfig, 'out'>({
  type: 'sort',
  category: 'sequence',
  label: { en: 'sort', 'zh-TW': '排序' },
  summary: { en: 'Sorts a list in a property, or the messages of a sequence.', 'zh-TW': '排序屬性中的陣列，或一個序列的訊息。' },
  icon: 'sort.svg',
  stockForm: 'sequence/18-sort',
  outputs: ['out'],
  leaks: nothing,
  labels: ({ target, targetType }, input) => (targetType === 'msg' ? input.withMovedItems(labelPathOf(target) ?? []) : input),
  faults: ['expression.error', 'flow.sequence_too_large'],
  config: {
    type: 'object',
    properties: {
      order: { enum: ['ascending', 'descending'], default: 'ascending' },
      as_num: { type: 'boolean', default: false, description: 'Compare as numbers.' },
      target: { type: 'string', default: 'payload' },
      targetType: { enum: ['msg', 'seq'], default: 'msg' },
      msgKey: { type: 'string', default: '' },
      msgKeyType: { enum: ['elem', 'jsonata'], default: 'elem' },
      seqKey: { type: 'string', default: 'payload' },
      seqKeyType: { enum: ['msg', 'jsonata'], default: 'msg' },
    },
  },
  migrate({ as_num, ...rest }) {
    const migrated: Record<string, unknown> = { ...rest, as_num: as_num === true || as_num === 'true' }
    for (const name of ['order', 'target', 'targetType', 'msgKeyType', 'seqKey', 'seqKeyType']) if (migrated[name] === '') delete migrated[name]
    return migrated
  },
  check(config) {
    const problems: (NodeProblem | undefined)[] =
      config.targetType === 'msg'
        ? [checkTypedValue(config.target, 'msg', 'target'), config.msgKeyType === 'jsonata' ? checkTypedValue(config.msgKey, 'jsonata', 'msgKey') : undefined]
        : [checkTypedValue(config.seqKey, config.seqKeyType, 'seqKey')]
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope): Promise<Step<'out'>> {
    const ordered = <T>(items: readonly T[], keys: readonly unknown[]): T[] => {
      const direction = config.order === 'ascending' ? 1 : -1
      const rows = items.map((item, i) => ({ item, key: (config.as_num ? Number(keys[i]) : keys[i]) as number }))
      return rows.sort((a, b) => (a.key === b.key ? 0 : a.key > b.key ? direction : -direction)).map(({ item }) => item)
    }
    return config.targetType === 'msg' ? sortList(config, scope, ordered) : sortSequence(config, scope, ordered)
  },
})

type Ordered = <T>(items: readonly T[], keys: readonly unknown[]) => T[]

async function sortList(config: SortConfig, scope: Scope, ordered: Ordered): Promise<Step<'out'>> {
  const path = parseMessagePath(config.target)
  const put = (message: Message, list: unknown[]) => ({ out: setProperty(message, path, list) ?? message })
  if (config.msgKeyType === 'elem') {
    return function sort(message) {
      const list = getProperty(message, path)
      return Array.isArray(list) ? put(message, ordered(list, list)) : undefined
    }
  }
  const keyOf = await scope.sandbox.jsonataOf(config.msgKey, hostOf(scope))
  return async function sort(message, run) {
    const list = getProperty(message, path)
    if (!Array.isArray(list)) return undefined
    return put(message, ordered(list, await Promise.all(list.map(async (item: unknown) => keyOf(item, run)))))
  }
}

async function sortSequence(config: SortConfig, scope: Scope, ordered: Ordered): Promise<Step<'out'>> {
  const isExpression = config.seqKeyType === 'jsonata'
  const evaluate = isExpression ? await scope.sandbox.jsonata(config.seqKey, hostOf(scope)) : undefined
  const path = isExpression ? undefined : parseMessagePath(config.seqKey)
  const key = {}
  const renumber = (messages: readonly Message[]) => ({ out: messages.map((message, index) => ({ ...message, parts: { ...(message.parts as object), index } })) })
  return function sort(message, run) {
    const sequence = collect(message, run, key)
    if (sequence === undefined) return undefined
    if (path !== undefined) return renumber(ordered(sequence, sequence.map((part) => getProperty(part, path))))
    return Promise.all(sequence.map(async (part) => evaluate?.(part, run))).then((keys) => renumber(ordered(sequence, keys)))
  }
}

/** Holds a message in its run until its sequence is whole; messages of no sequence end here, as in Node-RED. */
function collect(message: Message, run: Run, key: object): readonly Message[] | undefined {
  const parts = message.parts as { readonly id?: string; readonly index?: number; readonly count?: number } | undefined
  if (parts?.id === undefined || parts.index === undefined) return undefined
  const pending = run.state(key, () => ({ held: 0, groups: new Map<string, { count: number | undefined; messages: Message[] }>() }))
  let group = pending.groups.get(parts.id)
  if (group === undefined) pending.groups.set(parts.id, (group = { count: undefined, messages: [] }))
  group.messages.push(message)
  group.count = parts.count ?? group.count
  pending.held += 1
  if (pending.held > heldLimit) {
    pending.groups.clear()
    pending.held = 0
    throw fault('flow.sequence_too_large', { limit: heldLimit })
  }
  if (group.messages.length !== group.count) return undefined
  pending.groups.delete(parts.id)
  pending.held -= group.messages.length
  return group.messages
}

function hostOf(scope: Scope) {
  return { owner: scope.node.owner, id: scope.node.id, env: (name: string) => scope.env(name), contexts: scope.contexts }
}
