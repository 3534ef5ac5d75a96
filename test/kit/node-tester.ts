import { isDeepStrictEqual } from 'node:util'
import { createCatalogue } from '../../runtime/compile/catalogue.ts'
import { Body } from '../../runtime/core/http/body.ts'
import { createClients } from '../../runtime/clients/clients.ts'
import type { Clients } from '../../runtime/core/access/clients.ts'
import type { Identities } from '../../runtime/core/access/identities.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Contexts } from '../../runtime/core/state/context.ts'
import type { Decisions } from '../../runtime/core/access/decision.ts'
import { type Fault, toFault } from '../../runtime/core/fault.ts'
import { type Log, silentLog } from '../../runtime/core/log.ts'
import type { LabelMap } from '../../runtime/core/labels/label-map.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { DebugEntry, NodeDefinition, NodeProblem, Scope } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { NodeStatus, Sandbox } from '../../runtime/core/sandbox.ts'
import type { Jobs } from '../../runtime/core/jobs/jobs.ts'
import type { Ledger } from '../../runtime/core/state/ledger.ts'
import type { Lines } from '../../runtime/core/lines/lines.ts'
import type { Schedules } from '../../runtime/core/jobs/schedules.ts'
import { createHideText, type HideText } from '../../runtime/core/secrets/secret-forms.ts'
import type { State } from '../../runtime/core/state/state.ts'
import { SentTo, type Output, type Result, type Step } from '../../runtime/core/step.ts'
import type { Upstream } from '../../runtime/core/upstream/upstream.ts'
import type { Vault } from '../../runtime/core/secrets/vault.ts'
import { createDecisionLog } from '../../runtime/telemetry/decision-log.ts'
import { createMemoryLines } from '../../runtime/schedule/memory-lines.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { type FakeClock, fakeClock } from './fake-clock.ts'
import { type FakeRun, fakeRun, type RunOptions } from './fake-run.ts'
import { memoryContexts } from './memory-context.ts'

export interface NodeTestOptions {
  readonly node?: Partial<Scope['node']>
  /** Default: a fake clock, reachable as `tested.clock`. */
  readonly clock?: Clock
  /** Default: nobody listens. */
  readonly log?: Log
  /** Default: a sandbox that fails, so that a test says when a node needs one. */
  readonly sandbox?: Sandbox
  readonly upstream?: Upstream
  readonly contexts?: Contexts
  /** Default: nobody is known. */
  readonly clients?: Clients
  /** Default: nobody asks who calls before the flow begins. */
  readonly identities?: Identities
  /** Default: in memory, by the test's clock. */
  readonly state?: State
  /** Default: in memory, by the test's clock. */
  readonly lines?: Lines
  /** Default: none, so that a test says when a node needs them. */
  readonly jobs?: Jobs
  readonly schedules?: Schedules
  /** Default: there is none. */
  readonly vault?: Vault
  /** What may come to the node; default: nothing labelled. */
  readonly labels?: LabelMap
  /** Secrets that the flow refers to; default: none. */
  readonly secrets?: readonly string[]
  /** Default: there is none. */
  readonly ledger?: Ledger
  /** What becomes of a run that the node begins; default: the node is not live. */
  readonly runWork?: Scope['runWork']
  /** What nodes share; give the same map to several nodes that are to share. */
  readonly shared?: Map<string, unknown>
  readonly env?: Readonly<Record<string, unknown>>
  readonly credentials?: Readonly<Record<string, unknown>>
  readonly configNodes?: Readonly<Record<string, { type: string; config?: Record<string, unknown>; credentials?: Record<string, unknown>; organisation?: string }>>
  /** Ports that something is wired to; default: all. */
  readonly wired?: readonly string[]
  /** Types of other nodes, for `check`. */
  readonly types?: Readonly<Record<string, string>>
}

/** One message that left the node. */
export interface Sent {
  readonly port: string
  readonly message: Message
}

export interface TestedNode<Config = any> {
  /** The config after migration and defaults. */
  readonly config: Config
  readonly ports: readonly string[]
  readonly clock: FakeClock
  readonly contexts: Contexts
  readonly state: State
  /** Why calls were refused. */
  readonly decisions: Decisions
  readonly step: Step
  /**
   * Sends a message (an object) or a payload (anything else) through the step and gives all it sent, in
   * order. Rejects with the fault when the step throws, and fails when the step sends to a port that is
   * not there or changes its input, which is deep-frozen.
   */
  send(message: unknown, run?: Run): Promise<Sent[]>
  /** As {@link send}, and fails when the step needs a promise to answer. */
  sendNow(message: unknown, run?: Run): Sent[]
  /** A run of its own, to send several messages through or to read the reply from. */
  run(options?: RunOptions): FakeRun
  /** Retires the deployment. */
  retire(): Promise<void>
  readonly statuses: readonly { status: NodeStatus; run?: Run }[]
  readonly errors: readonly { fault: Fault; message: Message; run: Run }[]
  readonly debugged: readonly DebugEntry[]
  /** What was sent from outside any run. */
  readonly emitted: readonly Sent[]
}

/** All problems of a config: of its schema (`config.invalid`) and of the node's own check. */
export function checkNode<Config>(definition: NodeDefinition<Config, any>, config: object, options: NodeTestOptions = {}): readonly NodeProblem[] {
  return inspect(definition, config, options).problems
}

/** Checks and compiles a node for a test. Throws when the config has errors: use {@link checkNode} to look at them. */
export async function testNode<Config>(definition: NodeDefinition<Config, any>, config: object = {}, options: NodeTestOptions = {}): Promise<TestedNode<Config>> {
  const { config: full, problems } = inspect(definition, config, options)
  const errors = problems.filter((problem) => problem.severity !== 'warning')
  if (errors.length > 0) throw new Error(`The config of ${definition.type} is refused: ${errors.map((problem) => problem.message).join(' ')}`)

  const ports = typeof definition.outputs === 'function' ? definition.outputs(full) : definition.outputs
  const clock = options.clock ?? fakeClock()
  const contexts = options.contexts ?? memoryContexts()
  const decisions = createDecisionLog({ clock })
  const state = options.state ?? createMemoryState({ clock })
  const statuses: { status: NodeStatus; run?: Run }[] = []
  const reported: { fault: Fault; message: Message; run: Run }[] = []
  const debugged: DebugEntry[] = []
  const emitted: Sent[] = []
  const closers: (() => void | Promise<void>)[] = []
  const shared = options.shared ?? new Map<string, unknown>()
  const known = (port: string) => {
    if (!ports.includes(port)) throw new BrokenContract(`${definition.type} sent to the port “${port}”, but has ${ports.length === 0 ? 'none' : ports.join(', ')}.`)
  }

  const scope: Scope = {
    node: { id: 'node-1', type: definition.type, revision: 'a', flow: 'flow-1', path: 'flow-1', owner: 'owner-1', ...options.node },
    log: options.log ?? silentLog,
    clock,
    sandbox: options.sandbox ?? refuse<Sandbox>('sandbox'),
    upstream: options.upstream ?? refuse<Upstream>('upstream'),
    contexts,
    clients: options.clients ?? createClients({ clock: fakeClock() }),
    ...(options.identities ? { identities: options.identities } : {}),
    state,
    lines: options.lines ?? createMemoryLines(clock),
    jobs: options.jobs ?? refuse<Jobs>('jobs'),
    schedules: options.schedules ?? refuse<Schedules>('schedules'),
    decisions,
    vault: options.vault,
    ...(options.labels ? { labels: options.labels } : {}),
    ...(options.secrets ? { hideSecrets: createHideText(options.secrets) as HideText } : {}),
    ledger: options.ledger,
    credentials: options.credentials ?? {},
    env: (name) => options.env?.[name],
    configNode(id) {
      const found = options.configNodes?.[id]
      return found && { type: found.type, config: found.config ?? {}, credentials: found.credentials ?? {}, ...(found.organisation === undefined ? {} : { organisation: found.organisation }) }
    },
    whenLive: (begin) => begin(),
    runWork: options.runWork ?? (() => undefined),
    isWired: (port) => options.wired?.includes(port) ?? true,
    status: (status, run) => void statuses.push(run === undefined ? { status } : { status, run }),
    error: (fault, message, run) => void reported.push({ fault, message, run }),
    emit(port, message) {
      known(port)
      emitted.push({ port, message: freezeAll(message) })
    },
    debug: (entry) => void debugged.push(entry),
    share<T>(own: string, open: () => T, close: (thing: T) => void | Promise<void>): T {
      const key = own.startsWith('*') ? own : `${definition.type}:${own}`
      if (!shared.has(key)) {
        const thing = open()
        shared.set(key, thing)
        closers.push(() => close(thing))
      }
      return shared.get(key) as T
    },
    onRetire: (close) => void closers.push(close),
  }
  const step: Step = (await definition.compile?.(full, scope)) ?? ((message) => (ports[0] === undefined ? undefined : { [ports[0]]: message }))

  function list(sends: Output): Sent[] {
    const sent: Sent[] = []
    for (const [port, messages] of Object.entries(sends instanceof SentTo ? { [ports[sends.port] ?? sends.port]: sends.message } : (sends ?? {}))) {
      if (messages === undefined) continue
      known(port)
      for (const message of Array.isArray(messages) ? (messages as readonly Message[]) : [messages as Message]) {
        if (typeof message !== 'object' || message === null) throw new BrokenContract(`${definition.type} sent ${String(message)}, which is no message.`)
        sent.push({ port, message: freezeAll(message) })
      }
    }
    return sent
  }

  function begin(given: unknown, run: Run): { result: Result; done: () => void } {
    const message = freezeAll(toMessage(given))
    const before = copy(message)
    const done = () => {
      if (!isDeepStrictEqual(copy(message), before)) throw new Error(`${definition.type} changed the message it was given.`)
    }
    try {
      return { result: step(message, run), done }
    } catch (error) {
      throw toFault(error)
    }
  }

  return {
    config: full,
    ports,
    clock: clock as FakeClock,
    contexts,
    state,
    decisions,
    step,
    async send(given, run = fakeRun()) {
      const { result, done } = begin(given, run)
      const sent: Sent[] = []
      try {
        if (isIterable(result)) for await (const sends of result) sent.push(...list(sends))
        else sent.push(...list(await result))
      } catch (error) {
        throw error instanceof BrokenContract ? error : toFault(error)
      }
      done()
      return sent
    },
    sendNow(given, run = fakeRun()) {
      const { result, done } = begin(given, run)
      if (result instanceof Promise || isIterable(result)) throw new Error(`${definition.type} answered with a promise.`)
      const sent = list(result)
      done()
      return sent
    },
    run: fakeRun,
    async retire() {
      for (const close of closers.splice(0).reverse()) await close()
    },
    statuses,
    errors: reported,
    debugged,
    emitted,
  }
}

/** The node broke its contract: a failure of the test, never a fault that the test could expect. */
class BrokenContract extends Error {}

function inspect<Config>(definition: NodeDefinition<Config, any>, given: object, options: NodeTestOptions): { config: Config; problems: readonly NodeProblem[] } {
  const { config, errors } = createCatalogue([definition]).configure(definition, given as Record<string, unknown>)
  const ofSchema = errors.map((error) => ({
    code: 'config.invalid',
    property: error.instancePath.split('/')[1] ?? String(error.params.missingProperty ?? ''),
    message: `${definition.type}${error.instancePath} ${error.message}.`,
    remedy: 'Correct the property.',
  }))
  if (ofSchema.length > 0) return { config: config as Config, problems: ofSchema }
  const facts = {
    node: { id: options.node?.id ?? 'node-1', flow: options.node?.flow ?? 'flow-1' },
    typeOf: (id: string) => options.types?.[id] ?? options.configNodes?.[id]?.type,
  }
  const problems = definition.check?.(config as Config, facts) ?? []
  for (const problem of problems) {
    // Hygiene: a problem without a place or a remedy helps nobody.
    if (!/\.$/.test(problem.message) || !/\.$/.test(problem.remedy)) throw new Error(`Problem ${problem.code} of ${definition.type} is not a sentence: ${problem.message} ${problem.remedy}`)
    if (/undefined|\[object|NaN/.test(problem.message + problem.remedy)) throw new Error(`Problem ${problem.code} of ${definition.type} has an unfilled place: ${problem.message}`)
  }
  return { config: config as Config, problems }
}

function toMessage(given: unknown): Message {
  const isMessage = typeof given === 'object' && given !== null && Object.getPrototypeOf(given) === Object.prototype
  return isMessage ? (given as Message) : { payload: given }
}

/** Unlike `freezeDeep`, looks below what is frozen already, and leaves instances alone. */
function freezeAll<T>(value: T, seen = new Set<unknown>()): T {
  if (typeof value !== 'object' || value === null || seen.has(value)) return value
  seen.add(value)
  const isPlain = Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value))
  if (!isPlain) return value
  Object.freeze(value)
  for (const child of Object.values(value)) freezeAll(child, seen)
  return value
}

function copy(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || depth > 50) return value
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (value instanceof Date) return new Date(value)
  if (Array.isArray(value)) return value.map((item) => copy(item, depth + 1))
  if (value instanceof Body || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copy(item, depth + 1)]))
}

function isIterable(result: Result): result is AsyncIterable<NonNullable<Output>> {
  return typeof result === 'object' && result !== null && Symbol.asyncIterator in result
}

function refuse<T extends object>(what: string): T {
  return new Proxy({} as T, {
    get(_, property) {
      return () => {
        throw new Error(`This test needs a ${what} (${String(property)} was called): give one in the options.`)
      }
    },
  })
}
