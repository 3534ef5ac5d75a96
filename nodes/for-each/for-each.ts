import { fault } from '../../runtime/core/fault.ts'
import { Body, resolve } from '../../runtime/core/http/body.ts'
import { ByteStream } from '../../runtime/core/http/byte-stream.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { parseMessagePath } from '../../runtime/core/values/property.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'
import { every } from '../../runtime/core/labels/label-path.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { SentTo } from '../../runtime/core/step.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { type Warning, degrade, withWarnings } from '../shared/degraded.ts'
import { goInOrder } from './go-in-order.ts'
import { type ItemOutcome, type ItemRule, goThrough } from './go-through.ts'
import { readItems, toItemStream, type GivenItem } from './read-items.ts'
import { toReadable } from './to-lines.ts'

export interface ForEachConfig extends ItemRule {
  readonly items: string
  readonly itemsType: 'msg' | 'jsonata' | 'json'
  readonly onError: 'fail' | 'skip' | 'collect'
  readonly maxItems: number
  readonly results: 'list' | 'stream'
  readonly lineLimitBytes: number
}

type Port = 'item' | 'done'
const done = 1

/** Goes through a list: each item is a branch of its own, so many at once, and the results keep the order. */
export const forEach = defineNode<ForEachConfig, Port>({
  type: 'for each',
  category: 'route',
  label: { en: 'for each', 'zh-TW': '逐項處理' },
  summary: { en: 'Does the same for each item of a list, several at once, and goes on with the results in order.', 'zh-TW': '對清單的每一項執行相同步驟，可同時多項，並依序收集結果。' },
  icon: 'fa-list-ol',
  color: '#C7E0D4',
  outputs: ['item', 'done'],
  leaks: nothing,
  opens: () => [{ port: 'item', mustReturn: true }],
  labels({ items, itemsType }, input, { returned, inside }) {
    const list = labelsOfValue(items, itemsType, input)
    return {
      item: input.put(['payload'], list.at([every])).without(['item']),
      done: input.put(['payload'], returned('item').at(['payload']).under([every])).put(['errors'], inside.anywhere),
    }
  },
  faults: ['each.input', 'each.too_many', 'each.line', 'each.line_too_long', 'body.taken', 'branch.timeout', 'flow.nested', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      items: { type: 'string', default: 'payload', title: 'List', description: 'A list of the message, or an expression that gives one; or a stream of lines of JSON (NDJSON), read item by item.', 'x-form': { 'zh-TW': { title: '清單', description: '訊息中的清單、產生清單的運算式，或逐項讀取的 JSON 行串流（NDJSON）。' } } },
      itemsType: { enum: ['msg', 'jsonata', 'json'], default: 'msg' },
      parallel: { type: 'integer', minimum: 1, maximum: 32, default: 1, title: 'At once', description: 'How many items are under way together.', 'x-form': { 'zh-TW': { title: '同時數', description: '同時進行的項目數。' } } },
      onError: {
        enum: ['fail', 'skip', 'collect'], default: 'fail', title: 'If an item fails', description: 'fail: the node fails, the others are cancelled; skip: it is left out; collect: null stands in its place, msg.errors lists it.',
        'x-form': { 'zh-TW': { title: '項目失敗時', description: '整體失敗：取消其他項目；略過：不列入結果；收集：以 null 代替並列於 msg.errors。', choices: { fail: '整體失敗', skip: '略過', collect: '收集' } } },
      },
      maxItems: { type: 'integer', minimum: 1, maximum: 100_000, default: 1000, title: 'Most items', description: 'A longer list is refused with 422. A stream whose results are a stream may have any number.', 'x-form': { 'zh-TW': { title: '項目上限', description: '更長的清單以 422 拒絕。結果為串流時不限項數。' } } },
      results: {
        enum: ['list', 'stream'], default: 'list', title: 'Results', description: 'list: all of them, when the last has come. stream: “done” goes on with the first, and the payload is a stream of lines (NDJSON) that is answered while items come.',
        'x-form': { 'zh-TW': { title: '結果', description: '清單：最後一項完成後一次給出。串流：第一項完成即由「done」繼續，payload 為逐行的 JSON（NDJSON），邊處理邊回應。', choices: { list: '清單', stream: '串流' } } },
      },
      lineLimitBytes: { type: 'integer', minimum: 1, maximum: 67_108_864, default: 1_048_576, title: 'Longest line', description: 'Bytes of one item of a stream; a longer one ends it with a fault.', 'x-form': { 'zh-TW': { title: '單行上限', description: '串流中一項的位元組數；超過即以錯誤結束。' } } },
      timeoutMs: { type: 'integer', minimum: 0, default: 0, title: 'Timeout (ms)', description: 'For each item. 0: as long as the run has.', 'x-form': { 'zh-TW': { title: '逾時（毫秒）', description: '每個項目的時限。0：直到執行期限。' } } },
    },
  },
  check({ items, itemsType }) {
    return [checkTypedValue(items, itemsType, 'items')].filter((problem): problem is NodeProblem => problem !== undefined)
  },
  async compile(config, scope) {
    const path = config.itemsType === 'msg' ? parseMessagePath(config.items) : []
    const items = await compileTypedValue(config.items, config.itemsType, scope)
    // A property of the message itself is looked at as it is: a body with lines is no JSON as a whole.
    const name = path.length === 1 && typeof path[0] === 'string' ? path[0] : undefined
    const part = scope.node.name ?? scope.node.type

    return function forEach(message, run) {
      const branches = scope.branches?.(run)
      // A stream has one reader: items do not carry it along.
      const rest: Message = name === undefined ? message : withoutStream(message, name)
      if (!branches) throw fault('step.config', { message: 'Branches cannot be opened here.' })

      function begin(given: unknown): Promise<SentTo | undefined> {
        const stream = toItemStream(given)
        if (stream) {
          const { source, separator } = stream
          const end = () => void source.destroy()
          const stopListening = whenAborted(run, end)
          source.once('close', stopListening)
          // The source tells whoever reads it what broke it; a listener keeps it from telling nobody.
          source.on('error', () => {})
          return go(readItems(source, separator, config.lineLimitBytes), undefined, end)
        }
        const list = resolve(given)
        if (!Array.isArray(list)) throw fault('each.input', { is: list === undefined ? 'nothing' : list === null ? 'null' : `a ${typeof list}`.replace('a object', 'an object') })
        if (list.length > config.maxItems) throw fault('each.too_many', { count: list.length, limit: config.maxItems })
        if (config.results === 'stream') return go(eachOf(list), list.length, () => {})
        return new Promise((resolve, reject) => {
          const rule = { ...config, stopAtFault: config.onError === 'fail' }
          goThrough({ list, rule, branches: branches as NonNullable<typeof branches>, clock: scope.clock, toMessage: (payload, index) => ({ ...message, payload, item: { index, count: list.length } }) }, run, (outcome) => {
            if (outcome === undefined) return resolve(undefined)
            if (!isList(outcome)) return reject(outcome)
            if (run.replied && outcome.length > 0 && outcome.every((one) => one === undefined)) return resolve(undefined)
            resolve(collect(outcome))
          })
        })
      }

      /** Goes through items as they come. Nothing comes back when the run is cut short. */
      async function go(given: AsyncIterable<GivenItem>, count: number | undefined, end: () => void): Promise<SentTo | undefined> {
        const outcomes = goInOrder({ items: given, rule: config, branches: branches as NonNullable<typeof branches>, clock: scope.clock, toMessage: (payload, index) => ({ ...rest, payload, item: { index, ...(count === undefined ? {} : { count }) } }) }, run)
        let cut = false
        const stopListening = whenAborted(run, () => void (cut = true))
        try {
          const sent = config.results === 'stream' ? await goOnWith(outcomes, end) : await gather(outcomes)
          return cut ? undefined : sent
        } catch (thrown) {
          end()
          throw thrown
        } finally {
          stopListening()
        }
      }

      async function gather(outcomes: AsyncGenerator<ItemOutcome>): Promise<SentTo | undefined> {
        const all: ItemOutcome[] = []
        for await (const outcome of outcomes) {
          if (all.length >= config.maxItems) throw fault('each.too_many', { count: `more than ${config.maxItems}`, limit: config.maxItems })
          if (config.onError === 'fail' && outcome && 'fault' in outcome) throw outcome.fault
          all.push(outcome)
        }
        return collect(all)
      }

      /** “done” goes on as soon as the first result is there, or its fault: until then the answer may still be another one. */
      async function goOnWith(outcomes: AsyncGenerator<ItemOutcome>, end: () => void): Promise<SentTo | undefined> {
        const lines = toLines(outcomes, config.onError)
        const first = await lines.next()
        const source = toReadable(first, lines, () => {
          end()
          void lines.return(undefined).catch(() => {})
        })
        const release = run.hold()
        const stopListening = whenAborted(run, () => void source.destroy())
        source.once('close', () => {
          stopListening()
          release()
        })
        source.on('error', (error) => run.log.warn({ node: scope.node.id, cause: String(error) }, 'a stream of results was broken off'))
        const payload = new ByteStream(source, 'application/x-ndjson', undefined)
        // Who answers with something else lets go of it.
        run.afterAnswer?.(() => payload.discard())
        return new SentTo(done, { ...message, payload })
      }

      function collect(outcomes: readonly ItemOutcome[]): SentTo {
        const payload: unknown[] = []
        const errors: object[] = []
        const warnings: Warning[] = []
        for (const [index, outcome] of outcomes.entries()) {
          if (outcome && 'value' in outcome) payload.push(outcome.value)
          else if (config.onError === 'collect') payload.push(null)
          if (!outcome || 'value' in outcome) continue
          const { code, status, title, message: text, facts } = outcome.fault
          if (config.onError === 'collect') errors.push({ index, code, status, title, message: text, facts })
          else warnings.push(degrade(run, `${part} ${index}`, outcome.fault, 'nothing'))
        }
        return new SentTo(done, withWarnings({ ...message, payload, ...(config.onError === 'collect' ? { errors } : {}) }, warnings))
      }

      const given = name !== undefined && (message[name] instanceof ByteStream || message[name] instanceof Body) ? message[name] : items.evaluate(message, run)
      return given instanceof Promise ? given.then(begin) : begin(given)
    }
  },
})

function withoutStream(message: Message, name: string): Message {
  if (!(message[name] instanceof ByteStream)) return message
  const { [name]: _stream, ...rest } = message
  return rest
}

async function* eachOf(list: readonly unknown[]): AsyncGenerator<GivenItem> {
  for (const value of list) yield { value }
}

/** One line of JSON for each result; a fault ends it, is left out, or is a line that says so. */
async function* toLines(outcomes: AsyncGenerator<ItemOutcome>, onError: ForEachConfig['onError']): AsyncGenerator<string> {
  let index = -1
  for await (const outcome of outcomes) {
    index += 1
    if (!outcome) continue
    if ('value' in outcome) {
      const text = JSON.stringify(outcome.value)
      if (text !== undefined) yield `${text}\n`
    } else if (onError === 'fail') throw outcome.fault
    else if (onError === 'collect') {
      const { code, status, title, message } = outcome.fault
      yield `${JSON.stringify({ error: { index, code, status, title, message } })}\n`
    }
  }
}

function isList<T>(outcome: readonly T[] | object): outcome is readonly T[] {
  return Array.isArray(outcome)
}
