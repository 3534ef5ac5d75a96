import { inspect } from 'node:util'
import { resolve } from '../../runtime/core/http/body.ts'
import { hideInMessage } from '../../runtime/core/labels/hide.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import type { Message } from '../../runtime/core/message.ts'
import { type DebugEntry, defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { NodeStatus } from '../../runtime/core/sandbox.ts'
import { checkTypedValue, compileTypedValue, type TypedValue } from '../../runtime/core/values/typed-value.ts'

export interface DebugConfig {
  readonly active: boolean
  readonly tosidebar: boolean
  readonly console: boolean
  readonly tostatus: boolean
  /** `full`: the whole message. */
  readonly targetType: 'msg' | 'jsonata' | 'full'
  /** Property path or expression. */
  readonly complete: string
  readonly statusType: 'auto' | 'counter' | 'msg' | 'jsonata'
  readonly statusVal: string
}

/** Longest status text that the editor shows. */
const statusLength = 32

/** At most so many status changes a second: the editor cannot show more, and a busy API would send thousands. */
const statusGapMs = 200

/** Shows messages in the editor's sidebar, in the log, or under the node. */
export const debug = defineNode<DebugConfig, never>({
  type: 'debug',
  category: 'debug',
  label: { en: 'debug', 'zh-TW': '除錯' },
  summary: { en: 'Shows messages in the sidebar, the log, or its status.', 'zh-TW': '在側邊欄、日誌或節點狀態顯示訊息。' },
  icon: 'debug.svg',
  stockForm: 'common/21-debug',
  outputs: [],
  // The sidebar and the status under the node hide what is labelled; a log keeps what it is told.
  leaks: ({ console, targetType, complete }, input) => (console ? [{ to: 'log', what: 'what is shown', property: 'console', labels: targetType === 'full' ? input : labelsOfValue(complete, targetType, input) }] : []),
  config: {
    type: 'object',
    properties: {
      active: { type: 'boolean', default: true },
      tosidebar: { type: 'boolean', default: true },
      console: { type: 'boolean', default: false, description: 'Write to the gateway’s log.' },
      tostatus: { type: 'boolean', default: false },
      targetType: { enum: ['msg', 'jsonata', 'full'], default: 'msg' },
      complete: { type: 'string', default: 'payload' },
      statusType: { enum: ['auto', 'counter', 'msg', 'jsonata'], default: 'auto' },
      statusVal: { type: 'string', default: '' },
    },
  },
  migrate(config) {
    const { complete, targetType, statusType, ...rest } = config
    const full = complete === true || complete === 'true' || targetType === 'full'
    const property = complete === undefined || complete === null || complete === false || complete === 'false' || complete === '' ? 'payload' : complete
    const flags = Object.fromEntries(['active', 'tosidebar', 'console', 'tostatus'].filter((name) => name in config).map((name) => [name, config[name] === true || config[name] === 'true' || ((name === 'active' || name === 'tosidebar') && config[name] === null)]))
    return {
      ...rest,
      ...flags,
      complete: full ? 'payload' : property,
      targetType: full ? 'full' : targetType === 'jsonata' ? 'jsonata' : 'msg',
      statusType: statusType === undefined || statusType === '' ? 'auto' : statusType,
    }
  },
  check(config) {
    const problems: (NodeProblem | undefined)[] = []
    if (config.targetType !== 'full') problems.push(checkTypedValue(config.complete, config.targetType, 'complete'))
    if (config.tostatus && (config.statusType === 'msg' || config.statusType === 'jsonata')) problems.push(checkTypedValue(config.statusVal, config.statusType, 'statusVal'))
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const target = config.targetType === 'full' ? undefined : await compileTypedValue(config.complete, config.targetType, scope)
    const ofStatus = config.tostatus && (config.statusType === 'msg' || config.statusType === 'jsonata') ? await compileTypedValue(config.statusVal, config.statusType, scope) : undefined
    const show = config.tostatus ? createStatus() : undefined
    scope.onRetire(() => show?.stop())

    function publish(message: Message, value: unknown, run: Run): void {
      if (config.console) scope.log.info({ run: run.id, node: scope.node.id, ...(scope.node.name ? { name: scope.node.name } : {}) }, typeof value === 'string' ? value : inspect(value, { depth: 10 }))
      if (!config.tosidebar || !(scope.isDebugActive?.(config.active) ?? config.active)) return
      const entry: DebugEntry = {
        id: scope.node.id,
        ...(scope.node.name ? { name: scope.node.name } : {}),
        ...(message.topic === undefined ? {} : { topic: message.topic }),
        ...(config.targetType === 'msg' ? { property: config.complete } : {}),
        msg: value,
        run: run.id,
      }
      scope.debug(entry)
    }

    /** The status the node shows; a newer one takes the place of one that waits. */
    function createStatus(): { put(status: NodeStatus): void; count(): void; stop(): void } {
      let waiting: NodeStatus | undefined
      let cancel: (() => void) | undefined
      let counted = 0
      const put = (status: NodeStatus) => {
        if (cancel) {
          waiting = status
          return
        }
        scope.status(status)
        cancel = scope.clock.setTimer(() => {
          cancel = undefined
          const next = waiting
          waiting = undefined
          if (next) put(next)
        }, statusGapMs)
      }
      return { put, count: () => put({ fill: 'blue', shape: 'ring', text: String((counted += 1)) }), stop: () => cancel?.() }
    }

    const labels = scope.labels?.unseen
    const isSeen = () => config.console || config.tostatus || (config.tosidebar && (scope.isDebugActive?.(config.active) ?? config.active))
    return (given, run) => {
      if (labels && !isSeen()) return undefined
      const message = labels && !labels.isEmpty ? hideInMessage(given, labels) : given
      // A Status node that hears this node's own status must not go round in a circle.
      if (sourceOf(message) === scope.node.id) return undefined
      const value = target ? read(target, message, run) : plain(message)
      const status = show && config.statusType !== 'counter' ? (ofStatus ? read(ofStatus, message, run) : config.targetType === 'full' ? readBody(message.payload) : value) : undefined
      const finish = (shown: unknown, statusValue: unknown) => {
        if (show) {
          if (config.statusType === 'counter') show.count()
          else show.put(toStatus(statusValue, message, config.statusType === 'auto'))
        }
        publish(message, shown, run)
        return undefined
      }
      if (value instanceof Promise || status instanceof Promise) return Promise.all([value, status]).then(([shown, statusValue]) => finish(shown, statusValue))
      return finish(value, status)
    }
  },
})

/** A property that cannot be read shows why instead of failing the run that is being looked at. */
function read(target: TypedValue, message: Message, run: Run): unknown {
  if (target.async) return target.evaluate(message, run)
  try {
    return target.evaluate(message, run)
  } catch (error) {
    return `[${(error as Error).message}]`
  }
}

function readBody(value: unknown): unknown {
  try {
    return resolve(value)
  } catch (error) {
    return `[${(error as Error).message}]`
  }
}

function plain(message: Message): Message {
  return 'payload' in message ? { ...message, payload: readBody(message.payload) } : message
}

function sourceOf(message: Message): unknown {
  const { status } = message as { status?: { source?: { id?: unknown } } }
  return typeof status === 'object' && status !== null && typeof status.source === 'object' && status.source !== null ? status.source.id : undefined
}

function toStatus(value: unknown, message: Message, auto: boolean): NodeStatus {
  let fill: NodeStatus['fill'] = 'grey'
  let shape: NodeStatus['shape'] = 'dot'
  let text = typeof value === 'string' ? value : inspect(value)
  const own = asStatus(value)
  if (own?.fill && own.shape && own.text) ({ fill, shape, text } = own as Required<typeof own>)
  if (auto && typeof message.error === 'object' && message.error !== null) {
    fill = 'red'
    text = String((message.error as { message?: unknown }).message)
  }
  const given = auto ? asStatus(message.status) : undefined
  if (given) ({ fill = 'grey', shape = 'ring', text = '' } = given)
  return { fill, shape, text: text.length > statusLength ? `${text.slice(0, statusLength)}...` : text }
}

function asStatus(value: unknown): { fill?: NonNullable<NodeStatus['fill']>; shape?: NonNullable<NodeStatus['shape']>; text?: string } | undefined {
  return typeof value === 'object' && value !== null ? value : undefined
}
