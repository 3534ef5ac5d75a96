import type { ClientEnvironment, MessageClient } from '../../runtime/core/access/clients.ts'
import { fault } from '../../runtime/core/fault.ts'
import { silentLog } from '../../runtime/core/log.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import type { Run, RunEnd, RunOutcome } from '../../runtime/core/run.ts'
import { memoryContext } from './memory-context.ts'

export interface RunOptions {
  readonly id?: string
  readonly request?: Partial<RequestFacts>
  /** As an auth node would have noted it. */
  readonly environment?: ClientEnvironment
  /** Who proved to call, as an auth node would have noted it. */
  readonly caller?: MessageClient
  /** Milliseconds since the epoch; default: never. */
  readonly deadline?: number
}

/** A run that notes what a step does with it. */
export interface FakeRun extends Run {
  readonly replies: readonly Message[]
  /** How many `hold`s are open. */
  readonly held: number
  /** Headers added for the answer, by name; values of one name joined. */
  readonly replyHeaders: Readonly<Record<string, string>>
  /** Ends the run: who waits for its end is told. */
  end(how?: Partial<RunEnd>): void
  /** True once the run asked to go on without its caller. */
  readonly outlives: boolean
  /** What the run comes to, told to those who asked; resolves when all have written it down. */
  comesTo(outcome: RunOutcome): Promise<void>
  /** Aborts the signal, as when the client goes away. */
  abort(reason?: unknown): void
}

/** A run for tests: real reply, state and hold rules, no engine behind it. */
export function fakeRun(options: RunOptions = {}): FakeRun {
  const replies: Message[] = []
  const states = new Map<object, unknown>()
  const abort = new AbortController()
  const headers = new Map<string, Map<string, string>>()
  const whenEnded: ((end: RunEnd) => void)[] = []
  let ended: RunEnd | undefined
  const listeners: ((outcome: RunOutcome) => void | Promise<void>)[] = []
  let held = 0
  let outlives = false
  let environment: ClientEnvironment | undefined = options.environment
  let caller: MessageClient | undefined = options.caller
  return {
    id: options.id ?? 'run-1',
    flow: 'flow-1',
    revision: '0'.repeat(64),
    ...(options.request === undefined ? {} : { request: requestFacts(options.request) }),
    signal: abort.signal,
    onEnd(listener) {
      if (ended) listener(ended)
      else whenEnded.push(listener)
    },
    addReplyHeader(name, value, key = '') {
      headers.set(name, (headers.get(name) ?? new Map<string, string>()).set(key, value))
    },
    get replyHeaders() {
      return Object.fromEntries([...headers].map(([name, values]) => [name, [...values.values()].join(', ')]))
    },
    end(how = {}) {
      ended = { status: undefined, fault: undefined, backendReached: false, ...how }
      for (const listener of whenEnded.splice(0)) listener(ended)
    },
    deadline: options.deadline ?? Number.MAX_SAFE_INTEGER,
    get environment() {
      return environment
    },
    noteEnvironment(noted) {
      if (environment !== 'sandbox') environment = noted
    },
    get caller() {
      return caller
    },
    noteCaller: (noted) => void (caller = noted),
    log: silentLog,
    context: memoryContext(),
    get replied() {
      return replies.length > 0
    },
    reply(message) {
      if (replies.length > 0) throw fault('flow.already_replied')
      replies.push(message)
    },
    beforeAnswer: (listener) => void listeners.push(listener),
    outliveCaller: () => void (outlives = true),
    get outlives() {
      return outlives
    },
    async comesTo(outcome) {
      for (const listener of listeners.splice(0)) await listener(outcome)
    },
    state<T>(key: object, create: () => T): T {
      if (!states.has(key)) states.set(key, create())
      return states.get(key) as T
    },
    hold() {
      held += 1
      let open = true
      return () => {
        if (!open) throw new Error('a hold was let go twice')
        open = false
        held -= 1
      }
    },
    replies,
    get held() {
      return held
    },
    abort: (reason) => abort.abort(reason ?? fault('client.closed')),
  }
}

function requestFacts(given: Partial<RequestFacts>): RequestFacts {
  return Object.freeze({
    method: 'GET', url: '/', originalUrl: '/', path: '/', route: '/', query: {}, params: {}, headers: {}, cookies: {},
    hostname: 'localhost', protocol: 'http' as const, secure: false, ip: '127.0.0.1', ...given,
  })
}
