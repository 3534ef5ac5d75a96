import { fault, type Fault } from '../../runtime/core/fault.ts'
import { unionOf } from '../../runtime/core/labels/label-map.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { SentTo } from '../../runtime/core/step.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'
import { isPattern, toMatcher } from './patterns.ts'

export interface TryConfig {
  readonly catches: readonly string[]
  readonly finallyMs: number
}

type Port = 'body' | 'caught' | 'finally' | 'done'
const done = 3

/** What the body, or what caught its fault, came to. */
interface Outcome {
  readonly message: Message
  /** Nobody took it: it goes on to whoever is around, once `finally` is through. */
  readonly fault?: Fault
  /** Nothing came back: there is nothing to go on with. */
  readonly silent?: boolean
}

/** Does something, mends chosen faults of it, and does what must be done in the end whatever happens. */
export const tryNode = defineNode<TryConfig, Port>({
  type: 'try',
  category: 'fault',
  label: { en: 'try', 'zh-TW': '嘗試' },
  summary: { en: 'Catches chosen faults of its body, and does what must be done in the end, also when the call is cancelled.', 'zh-TW': '捕捉主體中指定的錯誤，並在最後執行收尾，呼叫取消時亦然。' },
  icon: 'fa-life-ring',
  outputs: ['body', 'caught', 'finally', 'done'],
  leaks: nothing,
  opens: () => [{ port: 'body', mustReturn: true }, { port: 'caught', mustReturn: false }, { port: 'finally', mustReturn: false }],
  labels(_config, input, { returned, inside }) {
    const failed = unionOf([input, inside, inside.anywhere.under(['error', 'message']), inside.anywhere.under(['error', 'facts'])])
    return { body: input, caught: failed, finally: failed, done: unionOf([input, returned('body'), returned('caught'), inside]) }
  },
  faults: ['flow.nested'],
  config: {
    type: 'object',
    properties: {
      catches: {
        type: 'array', items: { type: 'string' }, default: ['*'], title: 'Catches', description: 'Codes and statuses, with * for any end: upstream.*, custom.out_of_stock, 404, 5xx. Others go on as if there were no try.',
        'x-form': { control: 'list', 'zh-TW': { title: '捕捉', description: '錯誤代碼與狀態碼，可用 * 代表任意結尾：upstream.*, custom.out_of_stock, 404, 5xx。其他錯誤照常往外傳。' } },
      },
      finallyMs: {
        type: 'integer', minimum: 1, maximum: 600_000, default: 5000, title: 'Time for “finally” (ms)', description: 'When the call is cancelled, “finally” still has this long, in a run of its own.',
        'x-form': { 'zh-TW': { title: '「finally」時限（毫秒）', description: '呼叫被取消時，「finally」仍有這段時間，於獨立的執行中進行。' } },
      },
    },
  },
  check({ catches }) {
    return catches.filter((pattern) => !isPattern(pattern)).map((pattern): NodeProblem => ({
      code: 'try.pattern', property: 'catches', message: `“${pattern}” is neither a fault's code nor a status.`, remedy: 'Write codes such as upstream.timeout, upstream.* or *, and statuses such as 404 or 5xx.',
    }))
  },
  compile({ catches, finallyMs }, scope) {
    const catched = toMatcher(catches)
    const hasFinally = scope.isWired?.('finally') ?? false
    const source = (caught: Fault) => ({ id: caught.at?.node ?? scope.node.id, type: caught.at?.type ?? scope.node.type, ...(caught.at?.name === undefined ? {} : { name: caught.at.name }) })

    function withError(message: Message, caught: Fault): Message {
      const { code, status, title, message: text, facts } = caught
      return { ...message, ...(message.error === undefined ? {} : { _error: message.error }), error: { code, status, title, message: text, facts, source: source(caught) } }
    }

    return function tryStep(message, run) {
      const opened = scope.branches?.(run)
      if (!opened) throw fault('step.config', { message: 'Branches cannot be opened here.' })
      const branches = opened

      return new Promise((resolve, reject) => {
        let over = false
        let finishing = false
        let stopListening = () => {}
        stopListening = whenAborted(run, () => {
          if (over) return
          over = true
          // The run is over; what must be done in the end is done in one of its own. What was begun of it was cut short, and begins anew.
          if (hasFinally) scope.runApart?.(run, { port: 'finally', message, limitMs: finallyMs, asBranch: true })
          resolve(undefined)
        })

        /** Goes into a branch; whatever comes of it is told once, and only while anybody waits. */
        function enter(port: Port, given: Message, back: (outcome: Outcome) => void, failed: (caught: Fault, at: Message) => void): void {
          branches.open(port, given, {
            returned: (one) => over || back({ message: one }),
            failed: (caught, at) => over || failed(caught, at),
            ended: () => over || back({ message: given, silent: true }),
          })
        }

        function finish(outcome: Outcome): void {
          if (finishing) return
          finishing = true
          if (!hasFinally) return end(outcome)
          const given = outcome.fault ? withError(outcome.message, outcome.fault) : outcome.message
          // As in every language that has it: a fault of `finally` stands in place of the one before.
          enter('finally', given, () => end(outcome), (caught, at) => end({ message: at, fault: caught }))
        }

        function end({ message: back, fault: caught, silent }: Outcome): void {
          over = true
          stopListening()
          if (caught) reject(caught)
          else resolve(silent ? undefined : new SentTo(done, back))
        }

        try {
          enter('body', message, finish, (caught, at) => {
            if (!catched(caught)) return finish({ message: at, fault: caught })
            enter('caught', withError((caught.shown as Message | undefined) ?? at, caught), finish, (again, where) => finish({ message: where, fault: again }))
          })
        } catch (thrown) {
          over = true
          stopListening()
          reject(thrown as Error)
        }
      })
    }
  },
})
