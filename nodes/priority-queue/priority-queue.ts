import { holdingHeader } from '../../runtime/core/lines/holding.ts'
import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import type { Place } from '../../runtime/core/lines/lines.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { noTurnCodes, retryAfterMsHeader, toRetryAfter, toTurnCheck } from '../../runtime/core/lines/no-turn.ts'
import type { Priority } from '../../runtime/core/lines/priority.ts'
import { RecentRate } from '../../runtime/core/time/recent-rate.ts'
import type { Run } from '../../runtime/core/run.ts'
import { type Output, SentTo, Trail } from '../../runtime/core/step.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'
import { after } from '../shared/limits/limit-inputs.ts'
import { createRefuse } from '../shared/limits/limit-refusal.ts'
import { openResource } from '../shared/lines/open-resource.ts'
import { checkPriority, createPriorityReader, prioritySchema, type PriorityConfig } from '../shared/lines/priority-input.ts'
import { createDepthStatus } from './depth-status.ts'

type Port = 'admitted' | 'refused'

export interface PriorityQueueConfig extends PriorityConfig {
  readonly resource: string
  readonly maxWaitMs: number
  readonly hold: 'done' | 'reply'
  readonly showWait: boolean
  readonly compat: 'none' | 'tsmp'
}

/** How long a call waits at a shared line that it comes from while it holds a slot of it. */
const ownPatienceMs = 250

/** TSMP: seconds to wait are priority × calls per second on entry ÷ this. */
const tsmpDivisor = 200

/** Lets messages through one by one as a resource has room, the important ones first. */
export const priorityQueue = defineNode<PriorityQueueConfig, Port>({
  type: 'priority queue',
  category: 'protect',
  label: { en: 'priority queue', 'zh-TW': '優先佇列' },
  summary: { en: 'Holds calls until a scarce backend has room, the important ones first.', 'zh-TW': '後端忙碌時讓呼叫等候，重要的先通過。' },
  icon: 'fa-sort-amount-asc',
  outputs: ['admitted', 'refused'],
  labels: unchanged,
  leaks: nothing,
  faults: ['queue.self', 'queue.full', 'queue.evicted', 'queue.hopeless', 'queue.expired', 'queue.closed', 'queue.unavailable', 'job.lost', 'queue.priority', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      resource: { type: 'string', default: '', 'x-config': 'resource', title: 'Resource', description: 'What is scarce: its slots, its rate, and how those who wait take turns.' },
      ...prioritySchema,
      maxWaitMs: { type: 'integer', minimum: 0, maximum: 600_000, default: 10_000, title: 'Longest wait', description: 'Milliseconds. Whoever cannot make it is refused at once.' },
      hold: { enum: ['done', 'reply'], default: 'done', title: 'Slot is held until', description: 'done: everything that the message set off has ended. reply: the caller has its answer.' },
      showWait: { type: 'boolean', default: false, title: 'Tell the caller how long it waited', description: 'As X-Queue-Wait-Ms, also where the gateway does not by itself (SLUICE_QUEUE_WAIT_HEADER).' },
      compat: { enum: ['none', 'tsmp'], default: 'none', title: 'As elsewhere', description: 'tsmp: no slots; each call is held for priority × calls per second ÷ 200 seconds.' },
    },
  },
  check(config, facts) {
    const problems: (NodeProblem | undefined)[] = []
    if (config.compat === 'none' && config.resource === '') problems.push({ code: 'config.missing', property: 'resource', message: 'The priority queue names no resource.', remedy: 'Open it and choose a resource, or make one.' })
    else if (config.resource !== '' && facts.typeOf(config.resource) !== 'resource') problems.push({ code: 'config.missing', property: 'resource', message: 'The resource that the priority queue names does not exist.', remedy: 'Choose another one, or make it.' })
    problems.push(...checkPriority(config))
    return problems.filter((problem) => problem !== undefined)
  },
  async compile(config, scope) {
    const { maxWaitMs, showWait } = config
    const refuse = createRefuse(scope)
    const priorityOf = await createPriorityReader(config, scope)
    if (config.compat === 'tsmp') return tsmpStep()

    const { line } = openResource(scope, config.resource)
    const { holding } = scope
    const kind = line.facts().scope
    const heldAs = holding?.idOf(kind, line.facts().name)
    const status = createDepthStatus(scope, line)

    function admit(message: Message, run: Run, place: Place): Output<Port> {
      if (showWait) run.addReplyHeader?.('X-Queue-Wait-Ms', String(Math.round(place.waitedMs)))
      run.noteWait?.(place.waitedMs)
      const giveBack = heldAs === undefined ? undefined : run.noteHeld?.(heldAs)
      const leave = () => {
        giveBack?.()
        line.leave(place)
      }
      if (config.hold === 'reply' && run.beforeAnswer) {
        run.beforeAnswer(leave)
        run.onEnd?.(leave)
        return { admitted: message }
      }
      // A run that is cut short tells its trails nothing.
      run.onEnd?.(leave)
      return new SentTo(0, message, new Trail(leave))
    }

    function turnAway(message: Message, run: Run, place: Place, isOwn = false): Output<Port> {
      const { reason = 'closed', priority, retryAfterMs } = place
      const facts = line.facts()
      const check = toTurnCheck(place, facts, maxWaitMs)
      if (isOwn && place.reason !== 'full' && place.reason !== 'evicted') return refuse(message, run, { code: 'queue.self', facts: { resource: facts.name }, checks: [{ ...check, reason: 'self' }] })
      const { ms, seconds } = toRetryAfter(retryAfterMs)
      run.addReplyHeader?.(retryAfterMsHeader, String(ms))
      return refuse(message, run, { code: noTurnCodes[reason], facts: { resource: facts.name, priority }, checks: [check], retryAfter: seconds, passesAtMs: scope.clock.now() + ms })
    }

    function enter(message: Message, run: Run, priority: Priority): Output<Port> | Promise<Output<Port>> {
      const passed = run.request?.headers[holdingHeader]
      const isOwn = passed !== undefined && heldAs !== undefined && holding?.isHeld(heldAs, passed) === true
      // Whether the shared line has a slot left is not known here at once.
      const patienceMs = Math.min(maxWaitMs, run.deadline - scope.clock.now(), ...(isOwn ? [kind === 'cluster' ? ownPatienceMs : 0] : []))
      let settle: (place: Place) => void = () => {}
      const place = line.enter(priority, patienceMs, (settled) => settle(settled))
      if (place.state === 'admitted') return admit(message, run, place)
      if (place.state === 'refused') return turnAway(message, run, place, isOwn)
      status.changed()
      return new Promise((resolve, reject) => {
        const stopListening = whenAborted(run, () => {
          line.leave(place)
          status.changed()
          resolve(undefined)
        })
        settle = (settled) => {
          stopListening()
          status.changed()
          try {
            resolve(settled.state === 'admitted' ? admit(message, run, settled) : turnAway(message, run, settled, isOwn))
          } catch (thrown) {
            reject(thrown as Error)
          }
        }
      })
    }

    function tsmpStep() {
      const rate = new RecentRate(1000)
      return function priorityQueue(message: Message, run: Run): Promise<Output<Port>> | Output<Port> {
        rate.note(scope.clock.elapsed())
        return after<Priority, Output<Port>>(priorityOf(message, run), (priority) => {
          const waitMs = (priority * rate.perMs(scope.clock.elapsed()) * 1000 * 1000) / tsmpDivisor
          if (waitMs < 1) return { admitted: message }
          return new Promise((resolve) => {
            let stopListening = () => {}
            const cancel = scope.clock.setTimer(() => {
              stopListening()
              if (showWait) run.addReplyHeader?.('X-Queue-Wait-Ms', String(Math.round(waitMs)))
              resolve({ admitted: message })
            }, waitMs)
            stopListening = whenAborted(run, () => {
              cancel()
              resolve(undefined)
            })
          })
        })
      }
    }

    return function priorityQueue(message, run) {
      return after<Priority, Output<Port>>(priorityOf(message, run), (priority) => enter(message, run, priority))
    }
  },
})
