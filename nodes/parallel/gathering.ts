import type { Branch, Branches } from '../../runtime/core/branches.ts'
import { resolve } from '../../runtime/core/http/body.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import { fault, toFault, type Fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Run } from '../../runtime/core/run.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'

/** When the branches together have a result. */
export interface JoinRule {
  readonly join: 'all' | 'any' | 'quorum'
  /** For `quorum`. */
  readonly needed: number
  /** For all branches together; 0: as long as the run has. */
  readonly deadlineMs: number
  readonly cancelLate: boolean
}

export interface Part {
  readonly name: string
  readonly required: boolean
  /** 0: as long as all have. */
  readonly timeoutMs: number
  /** Takes the body without looking whether it can be read. */
  readonly unread: boolean
}

/** What became of one branch. */
export type PartState =
  | { readonly kind: 'open' }
  | { readonly kind: 'ok'; readonly value: unknown; readonly message: Message }
  | { readonly kind: 'failed'; readonly fault: Fault }
  /** The caller was answered in it: there is nothing to wait for. */
  | { readonly kind: 'gone' }

const open: PartState = { kind: 'open' }
const gone: PartState = { kind: 'gone' }

/**
 * Sends a message into branches at once and gathers what comes back, by the rule. Calls `decided` once, with the states in the
 * order of the branches, or with the fault that decided it; never when the run or the branch around is cut short.
 */
export function gather(
  { parts, rule, branches, clock }: { readonly parts: readonly Part[]; readonly rule: JoinRule; readonly branches: Branches; readonly clock: Clock },
  message: Message,
  run: Run,
  decided: (outcome: readonly PartState[] | Fault | undefined) => void,
): void {
  const states: PartState[] = parts.map(() => open)
  const opened: (Branch | undefined)[] = []
  const timers: (() => void)[] = []
  let over = false
  let left = parts.length
  let came = 0
  let stopListening = () => {}
  stopListening = whenAborted(run, () => finish(undefined))
  const startedAt = rule.deadlineMs > 0 || parts.some(({ timeoutMs }) => timeoutMs > 0) ? clock.now() : 0
  if (!over && rule.deadlineMs > 0) timers.push(clock.setTimer(expire, rule.deadlineMs))

  for (const [at, part] of parts.entries()) {
    if (over) break
    const limitMs = shorter(rule.deadlineMs, part.timeoutMs)
    if (part.timeoutMs > 0 && limitMs === part.timeoutMs) {
      timers.push(clock.setTimer(() => giveUp(at, part.timeoutMs), part.timeoutMs))
    }
    try {
      opened[at] = branches.open(part.name, message, {
        ...(limitMs > 0 ? { deadline: startedAt + limitMs } : {}),
        returned: (back) => settle(at, read(part, back)),
        failed: (caught) => settle(at, { kind: 'failed', fault: caught }),
        ended: () => settle(at, run.replied ? gone : { kind: 'failed', fault: fault('branch.no_result', { branch: part.name }) }),
      })
      // It may have been decided while the branch walked.
      if (over) release(at)
    } catch (thrown) {
      settle(at, { kind: 'failed', fault: toFault(thrown) })
    }
  }

  function settle(at: number, state: PartState): void {
    if (over || states[at] !== open) return
    states[at] = state
    left--
    if (state.kind === 'ok') came++
    decide(at, state)
  }

  function decide(at: number, state: PartState): void {
    if (rule.join === 'all') {
      if (state.kind === 'failed' && (parts[at] as Part).required) return finish(state.fault)
      if (left === 0) finish(states)
      return
    }
    const needed = rule.join === 'any' ? 1 : rule.needed
    if (came >= needed) return finish(states)
    if (came + left >= needed) return
    finish(states.some(({ kind }) => kind === 'gone') ? states : tooFew(needed))
  }

  /** The time of one branch is over. */
  function giveUp(at: number, afterMs: number): void {
    if (over || states[at] !== open) return
    const late = fault('branch.timeout', { branch: (parts[at] as Part).name, afterMs })
    opened[at]?.cancel(late)
    settle(at, { kind: 'failed', fault: late })
  }

  /** The time of all is over: what is there is taken, if that is enough. */
  function expire(): void {
    if (over) return
    for (const [at, state] of states.entries()) {
      if (state !== open) continue
      states[at] = { kind: 'failed', fault: fault('branch.timeout', { branch: (parts[at] as Part).name, afterMs: rule.deadlineMs }) }
    }
    const missing = states.find((state, at) => state.kind === 'failed' && (parts[at] as Part).required)
    if (rule.join === 'all') finish(missing?.kind === 'failed' ? missing.fault : states)
    else finish(tooFew(rule.join === 'any' ? 1 : rule.needed))
  }

  function finish(outcome: readonly PartState[] | Fault | undefined): void {
    if (over) return
    over = true
    stopListening()
    for (const cancel of timers) cancel()
    const failed = outcome === undefined || !Array.isArray(outcome)
    for (const at of opened.keys()) if (failed || rule.cancelLate) release(at)
    decided(outcome)
  }

  /** Takes a branch down that has given nothing. */
  function release(at: number): void {
    if (states[at]?.kind !== 'ok') opened[at]?.cancel(fault('branch.cancelled', { branch: (parts[at] as Part).name }))
  }

  function tooFew(needed: number): Fault {
    const failures = Object.fromEntries(parts.flatMap(({ name }, at) => { const state = states[at]; return state?.kind === 'failed' ? [[name, state.fault.code]] : [] }))
    const cause = states.find((state) => state.kind === 'failed')
    return fault('parallel.too_few', { came, needed, branches: parts.length, failures }, cause?.kind === 'failed' ? cause.fault : undefined)
  }
}

/** The shorter of two limits, of which 0 is none. */
function shorter(a: number, b: number): number {
  return a > 0 && b > 0 ? Math.min(a, b) : Math.max(a, b)
}

/** A body that cannot be read is a failure of its branch, not of whoever reads it later. */
function read({ unread }: Part, message: Message): PartState {
  try {
    return { kind: 'ok', value: unread ? message.payload : resolve(message.payload), message }
  } catch (thrown) {
    return { kind: 'failed', fault: toFault(thrown) }
  }
}
