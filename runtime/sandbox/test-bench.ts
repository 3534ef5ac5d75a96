import { onTestFinished } from 'vitest'
import { memoryContexts } from '../../test/kit/memory-context.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { systemClock } from '../core/time/clock.ts'
import type { Fault } from '../core/fault.ts'
import { silentLog } from '../core/log.ts'
import { payloadOf, resolve } from '../core/http/body.ts'
import type { Message } from '../core/message.ts'
import type { Run } from '../core/run.ts'
import type { NodeStatus, ScriptHost, ScriptSource } from '../core/sandbox.ts'
import { SentTo, type Output, type Result, type Step } from '../core/step.ts'
import type { Quarantine } from './limits.ts'
import { createSandbox, type SandboxOptions } from './sandbox.ts'

/** A sandbox for one test, closed when it ends, with everything its scripts say noted down. */
export function openBench(options: Partial<SandboxOptions> = {}) {
  const quarantines: Quarantine[] = []
  const sandbox = createSandbox({ log: silentLog, clock: systemClock, onQuarantine: (info) => quarantines.push(info), ...options })
  onTestFinished(() => sandbox.close())
  const contexts = memoryContexts()
  const logs: [string, string][] = []
  const statuses: NodeStatus[] = []
  const errors: { fault: Fault; message: Message }[] = []
  const emitted: [number, Message][] = []
  let count = 0

  const host = (id: string, outputs: number, env: Record<string, unknown>): ScriptHost => ({
    node: { id, name: `the ${id}`, type: 'function', flow: 'flow-1', outputs },
    env: (name) => env[name],
    contexts,
    log: (level, text) => void logs.push([level, text]),
    status: (status) => void statuses.push(status),
    error: (fault, message) => void errors.push({ fault, message }),
    emit: (port, message) => void emitted.push([port, message]),
  })
  return {
    sandbox, contexts, logs, statuses, errors, emitted, quarantines,
    async script(code: string, more: Partial<ScriptSource> & { env?: Record<string, unknown> } = {}) {
      const { env = {}, ...source } = more
      const id = more.id ?? `fn${++count}`
      const outputs = more.outputs ?? 1
      const { step, close } = await sandbox.script({ id, owner: 'tester', code, outputs, ...source }, host(id, outputs, env))
      const call = async (message: Message = {}, run: Run = fakeRun()) => collect(step(message, run))
      return {
        step,
        close,
        call,
        /** Payload of the one message that came out. */
        async payload(message: Message = {}, run?: Run) {
          const [first] = await call(message, run)
          return first && payloadOf(first.message)
        },
        /** Calls it until it runs on the serving thread. */
        async warm(message: Message = {}) {
          for (let i = 0; i < 40; i++) await call(message)
        },
      }
    },
    expressionHost: (env: Record<string, unknown> = {}) => ({ owner: 'tester', id: `x${++count}`, env: (name: string) => env[name], contexts }),
  }
}

export interface Sent {
  readonly port: number
  readonly message: Message
}

/** All a step sent, in order; bodies among the fields are parsed. */
export async function collect(result: Result): Promise<Sent[]> {
  const sent: Sent[] = []
  const take = (sends: Output): void => {
    for (const [port, messages] of Object.entries(sends instanceof SentTo ? { [sends.port]: sends.message } : (sends ?? {}))) {
      for (const message of (Array.isArray(messages) ? messages : [messages]) as Message[]) {
        sent.push({ port: Number(port), message: Object.fromEntries(Object.entries(message).map(([name, value]) => [name, resolve(value)])) })
      }
    }
  }
  if (result && typeof result === 'object' && Symbol.asyncIterator in result) for await (const sends of result as AsyncIterable<NonNullable<Output>>) take(sends)
  else take(await (result as Promise<Output>))
  return sent
}

/** The code of the fault that `promise` rejects with; fails when it does not. */
export async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  try {
    await promise
  } catch (error) {
    return error as Fault
  }
  throw new Error('no fault came')
}

export type { Step }
