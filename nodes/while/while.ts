import { fault } from '../../runtime/core/fault.ts'
import { nothing } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { SentTo } from '../../runtime/core/step.ts'
import { checkTypedValue } from '../../runtime/core/values/typed-value.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'
import { isTrue } from '../shared/is-true.ts'

export interface WhileConfig {
  readonly condition: string
  readonly check: 'before' | 'after'
  readonly max: number
  readonly maxMs: number
  readonly pauseMs: number
  readonly onLimit: 'fail' | 'done'
}

type Port = 'body' | 'done'
const done = 1

/** Does something again and again while a condition holds, within bounds. */
export const whileNode = defineNode<WhileConfig, Port>({
  type: 'while',
  category: 'route',
  label: { en: 'while', 'zh-TW': '條件迴圈' },
  summary: { en: 'Does something again while a condition holds, at most so often and so long.', 'zh-TW': '條件成立時重複執行，並限制次數與時間。' },
  icon: 'fa-repeat',
  color: '#C7E0D4',
  outputs: ['body', 'done'],
  leaks: nothing,
  opens: () => [{ port: 'body', mustReturn: true }],
  labels(_config, input, { returned }) {
    const again = input.and(returned('body'))
    return { body: again, done: again }
  },
  faults: ['while.limit', 'branch.no_result', 'condition.type', 'flow.nested', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      condition: { type: 'string', default: '', title: 'While', description: 'JSONata over the message that gives true or false: payload.state = "pending".', 'x-form': { control: 'jsonata', 'zh-TW': { title: '條件', description: '對訊息求值、結果為 true 或 false 的 JSONata：payload.state = "pending"。' } } },
      check: {
        enum: ['before', 'after'], default: 'before', title: 'Look', description: 'before: maybe not even once; after: at least once.',
        'x-form': { 'zh-TW': { title: '檢查時機', description: '之前：可能一次也不執行；之後：至少一次。', choices: { before: '每次之前', after: '每次之後' } } },
      },
      max: { type: 'integer', minimum: 1, maximum: 10_000, default: 100, title: 'At most', description: 'How many times.', 'x-form': { 'zh-TW': { title: '次數上限', description: '最多執行幾次。' } } },
      maxMs: { type: 'integer', minimum: 0, default: 0, title: 'At most (ms)', description: 'How long all together. 0: as long as the run has.', 'x-form': { 'zh-TW': { title: '時間上限（毫秒）', description: '總時間上限。0：直到執行期限。' } } },
      pauseMs: { type: 'integer', minimum: 0, maximum: 600_000, default: 0, title: 'Pause (ms)', description: 'Between two times: for asking again whether something is ready.', 'x-form': { 'zh-TW': { title: '間隔（毫秒）', description: '兩次之間的等待，適合輪詢是否就緒。' } } },
      onLimit: {
        enum: ['fail', 'done'], default: 'fail', title: 'At the limit', description: 'fail: fault while.limit; done: go on with what there is.',
        'x-form': { 'zh-TW': { title: '達上限時', description: '失敗：錯誤 while.limit；繼續：以目前的訊息繼續。', choices: { fail: '失敗', done: '繼續' } } },
      },
    },
  },
  check({ condition }) {
    if (condition.trim() === '') return [{ code: 'while.no_condition', property: 'condition', message: 'The loop has no condition.', remedy: 'Enter a JSONata expression that gives true as long as it is to go on.' }]
    return [checkTypedValue(condition, 'jsonata', 'condition')].filter((problem): problem is NodeProblem => problem !== undefined)
  },
  async compile(config, scope) {
    const holds = await isTrue(config.condition, scope)

    return function whileStep(message, run) {
      const branches = scope.branches?.(run)
      if (!branches) throw fault('step.config', { message: 'Branches cannot be opened here.' })
      const startedAt = scope.clock.now()
      const untilMs = config.maxMs > 0 ? startedAt + config.maxMs : undefined
      const outOfTime = () => untilMs !== undefined && scope.clock.now() >= untilMs

      return new Promise((resolve, reject) => {
        let stopped = false
        let stopTimer = () => {}
        /** Wakes what waits now, when the run or the branch around is cut short. */
        let wake = () => {}
        const stopListening = whenAborted(run, () => {
          stopped = true
          stopTimer()
          wake()
          resolve(undefined)
        })

        function pause(ms: number): Promise<void> {
          return new Promise((goOn) => {
            wake = goOn
            stopTimer = scope.clock.setTimer(goOn, ms)
          })
        }

        /** One time through the body; nothing when the caller was answered in it. */
        function once(before: Message, iteration: number): Promise<Message | undefined> {
          return new Promise((back, failed) => {
            wake = () => back(undefined)
            const branch = (branches as NonNullable<typeof branches>).open('body', { ...before, iteration }, {
              ...(untilMs === undefined ? {} : { deadline: untilMs }),
              returned: back,
              failed,
              ended: () => (run.replied ? back(undefined) : failed(fault('branch.no_result', { branch: 'body' }))),
            })
            if (untilMs === undefined) return
            const cancelTimer = scope.clock.setTimer(() => {
              const late = fault('while.limit', { times: iteration, afterMs: config.maxMs })
              branch.cancel(late)
              failed(late)
            }, Math.max(0, untilMs - scope.clock.now()))
            stopTimer = cancelTimer
          }).finally(() => stopTimer()) as Promise<Message | undefined>
        }

        async function loop(): Promise<void> {
          let current = message
          for (let times = 0; ; times += 1) {
            if ((times > 0 || config.check === 'before') && !(await holds(current, run))) break
            if (stopped) return
            if (times >= config.max || outOfTime()) {
              if (config.onLimit === 'fail') throw fault('while.limit', { times, ...(outOfTime() ? { afterMs: config.maxMs } : {}) })
              break
            }
            if (times > 0 && config.pauseMs > 0) {
              await pause(config.pauseMs)
              if (stopped) return
            }
            const back = await once(current, times)
            if (stopped) return
            if (back === undefined) return resolve(undefined)
            current = back
          }
          const { iteration: _, ...rest } = current
          resolve(new SentTo(done, message.iteration === undefined ? rest : { ...rest, iteration: message.iteration }))
        }

        loop().catch(reject).finally(stopListening)
      })
    }
  },
})
