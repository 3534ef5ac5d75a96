import { fault } from '../../runtime/core/fault.ts'
import { resolve } from '../../runtime/core/http/body.ts'
import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { SentTo } from '../../runtime/core/step.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'

export interface WaitConfig {
  readonly until: 'after' | 'at'
  readonly value: string
  readonly valueType: 'num' | 'msg' | 'jsonata' | 'env'
}

/** Holds a message for a time, or until a moment; never past the deadline. */
export const wait = defineNode<WaitConfig, 'out'>({
  type: 'wait',
  category: 'sequence',
  label: { en: 'wait', 'zh-TW': '等待' },
  summary: { en: 'Holds a message for so many milliseconds, or until a time.', 'zh-TW': '將訊息保留指定毫秒，或直到某個時間。' },
  icon: 'fa-hourglass-half',
  outputs: ['out'],
  labels: unchanged,
  leaks: nothing,
  faults: ['wait.too_long', 'step.config', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      until: {
        enum: ['after', 'at'], default: 'after', title: 'Until', description: 'after: so many milliseconds later; at: a time, as milliseconds since 1970 or ISO 8601.',
        'x-form': { 'zh-TW': { title: '方式', description: '經過：若干毫秒之後；直到：某個時間（1970 年起的毫秒數或 ISO 8601）。', choices: { after: '經過', at: '直到' } } },
      },
      value: { type: 'string', default: '1000', title: 'Time', 'x-form': { 'zh-TW': { title: '時間' } } },
      valueType: { enum: ['num', 'msg', 'jsonata', 'env'], default: 'num' },
    },
  },
  check({ value, valueType, until }) {
    if (valueType === 'num' && until === 'after' && !(value.trim() !== '' && Number(value) >= 0)) return [{ code: 'wait.time', property: 'value', message: `“${value}” is no time to wait.`, remedy: 'Enter milliseconds, from 0.' }]
    return [checkTypedValue(value, valueType, 'value')].filter((problem): problem is NodeProblem => problem !== undefined)
  },
  async compile({ until, value, valueType }, scope) {
    const input = await compileTypedValue(value, valueType, scope)

    function toMs(given: unknown): number {
      const known = resolve(given)
      const number = typeof known === 'number' ? known : typeof known === 'string' && known.trim() !== '' ? Number(known) : Number.NaN
      const ms = until === 'after' ? number : (Number.isNaN(number) && typeof known === 'string' ? Date.parse(known) : number) - scope.clock.now()
      if (Number.isNaN(ms)) throw fault('step.config', { message: until === 'after' ? 'The time to wait is no number of milliseconds.' : 'The time to wait for is neither a number of milliseconds nor an ISO 8601 time.' })
      return Math.max(0, Math.ceil(ms))
    }

    return function wait(message, run) {
      function hold(given: unknown): SentTo | Promise<SentTo | undefined> {
        const waitMs = toMs(given)
        const leftMs = run.deadline - scope.clock.now()
        if (waitMs > leftMs) throw fault('wait.too_long', { waitMs, leftMs: Math.max(0, leftMs) })
        if (waitMs === 0) return new SentTo(0, message)
        return new Promise((goOn) => {
          let stopListening = () => {}
          const cancel = scope.clock.setTimer(() => {
            stopListening()
            goOn(new SentTo(0, message))
          }, waitMs)
          stopListening = whenAborted(run, () => {
            cancel()
            goOn(undefined)
          })
        })
      }
      const given = input.evaluate(message, run)
      return given instanceof Promise ? given.then(hold) : hold(given)
    }
  },
})
