import { fault, type Fault } from '../core/fault.ts'
import type { Message } from '../core/message.ts'
import type { Run } from '../core/run.ts'
import type { ScriptHost, ScriptSource } from '../core/sandbox.ts'
import type { Output } from '../core/step.ts'
import { decodeOutcome, toScriptFault, type GuestError, type GuestEvent, type Outcome } from './frames.ts'
import { limitFault, type Blame, type History, type Limit, type Limits } from './limits.ts'
import { toSends } from './sends.ts'

/** Tells the host what a script said, and what became of it. */
export interface ScriptReport {
  /** Passes on what a call said, and gives what it sends. @throws Fault that the script threw, when it sent nothing before */
  sendsOf(result: string, message: Message, run: Run): Output
  /** The same of an outcome. */
  tellHost(outcome: Outcome, run: Run | undefined): Output
  /** Passes on what the script said, and leaves what it sends. */
  tellAndKeep(outcome: Outcome, run: Run | undefined): readonly (readonly [number, Message])[]
  /** The fault of a limit that was hit. */
  limitHit(limit: Limit, limitMs: number, run: Run | undefined, blame: Blame): Fault
}

export interface ScriptReportParts {
  readonly script: ScriptSource
  readonly host: ScriptHost
  readonly limits: Limits
  readonly history: History
  readonly heapMb: number
  /** It is to blame: where it was it does not go again. */
  blamed(): void
}

export function createScriptReport({ script, host, limits, history, heapMb, blamed }: ScriptReportParts): ScriptReport {
  function tellHost(outcome: Outcome, run: Run | undefined): Output {
    return outcome.events.length === 0 ? toSends(outcome.sends) : toSends(tellAndKeep(outcome, run))
  }

  function tellAndKeep(outcome: Outcome, run: Run | undefined): readonly (readonly [number, Message])[] {
    const sends = outcome.sends.filter(([port]) => port >= 0)
    for (const event of outcome.events) tell(event, outcome, sends, run)
    return sends
  }

  function tell(event: GuestEvent, outcome: Outcome, sends: readonly unknown[], run: Run | undefined): void {
    switch (event[0]) {
      case 'log':
        host.log(event[1], event[2], run)
        break
      case 'status':
        host.status(event[1], run)
        break
      case 'error': {
        const about = event[2] >= 0 ? outcome.sends[event[2]]?.[1] : undefined
        if (about && run) host.error(toScriptFault(event[1]), about, run)
        else host.log('error', String(event[1].message), run)
        break
      }
      case 'throw': {
        const thrown = toScriptFault(event[1] as GuestError)
        if (sends.length === 0 || !run) throw thrown
        host.error(thrown, outcome.sends[0]?.[1] ?? {}, run) // what it sent before is on its way already
      }
    }
  }

  return {
    sendsOf: (result, message, run) => tellHost(decodeOutcome(result, message), run),
    tellHost,
    tellAndKeep,
    limitHit(limit, limitMs, run, blame) {
      const hit = limitFault(limit, { limitMs, limitMb: heapMb }, blame)
      if (blame !== 'script') return hit
      blamed()
      if (limits.hit(history, { id: script.id, owner: script.owner, last: hit.code as 'script.timeout' | 'script.memory' })) {
        host.status({ fill: 'red', shape: 'ring', text: `refused for a while: ${hit.title}` })
        host.log('error', `The function hit its limits ${history.hits.length} times and is refused for a while: ${hit.message}`, run)
      } else host.log('warn', hit.message, run)
      return hit
    },
  }
}

/** What went wrong at the door beside limits: V8 refused the code, or the sandbox closed. */
export function entryFault(error: unknown): Error {
  if (error instanceof SyntaxError) return fault('script.syntax', { message: error.message.replace(/ \[.*$/s, '') }, error)
  return error instanceof Error ? error : new Error(String(error))
}
