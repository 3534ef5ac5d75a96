import { globalPolicy } from '../../nodes/global-policy/global-policy.ts'
import { createAssembler } from '../../runtime/compile/assemble.ts'
import { createClients } from '../../runtime/clients/clients.ts'
import { createCatalogue } from '../../runtime/compile/catalogue.ts'
import { toRevisions } from '../../runtime/compile/check.ts'
import { sha256 } from '../../runtime/compile/hash.ts'
import { systemClock, type Clock } from '../../runtime/core/time/clock.ts'
import type { Context } from '../../runtime/core/state/context.ts'
import type { BuildRoutes, RunSummary } from '../../runtime/core/deployment.ts'
import type { GatewayEvent } from '../../runtime/core/deployer.ts'
import type { Fault } from '../../runtime/core/fault.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { freezeDeep } from '../../runtime/core/values/freeze.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeDefinition } from '../../runtime/core/node.ts'
import type { Credentials, Release } from '../../runtime/core/release.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import type { Sandbox } from '../../runtime/core/sandbox.ts'
import type { Step } from '../../runtime/core/step.ts'
import type { Secrets, Vault } from '../../runtime/core/secrets/vault.ts'
import { createDeployer } from '../../runtime/deploy/create-deployer.ts'
import { createTimers } from '../../runtime/schedule/timers.ts'
import { createDecisionLog } from '../../runtime/telemetry/decision-log.ts'
import { createMemoryLines } from '../../runtime/schedule/memory-lines.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'

/** A table of exact paths: the real one is in the HTTP room and tested there. */
const buildRoutes: BuildRoutes = (routes) => {
  const byKey = new Map(routes.map((route) => [`${route.entry.method} ${route.entry.path}`, route]))
  return {
    table: {
      size: routes.length,
      find(method, path) {
        const route = byKey.get(`${method} ${path}`)
        return route ? { kind: 'found', route, params: {} } : { kind: 'none' }
      },
      ofVersion: () => undefined,
    },
    conflicts: [],
  }
}

const text = (en: string) => ({ en, 'zh-TW': en })
const own = { type: 'object' }

/** Nodes for tests of the engine alone: `work` runs the step the test gives by name. */
export function bareNodes(steps: Readonly<Record<string, Step>>): NodeDefinition[] {
  const base = { category: 'script', label: text('x'), summary: text('x'), config: own } as const
  return [
    defineNode({ ...base, type: 'http in', config: { type: 'object', required: ['url'], properties: { url: { type: 'string' } } }, inputs: 0, outputs: ['out'], entry: (config: { method?: string; url: string }) => ({ on: 'http', method: (config.method ?? 'get').toUpperCase() as 'GET', path: config.url }) }),
    defineNode({ ...base, category: 'reply', type: 'reply', outputs: [], replies: true, compile: () => (message, run) => void run.reply(message) }),
    defineNode({
      ...base,
      type: 'work',
      outputs: (config: { step: string; ports?: string[] }) => config.ports ?? ['out'],
      compile: (config: { step: string }, scope) => {
        const step = steps[config.step]
        if (!step) throw new Error(`no step ${config.step}`)
        scope.onRetire(() => void (retired.push(scope.node.id)))
        return step
      },
    }),
    defineNode({ ...base, type: 'catch', inputs: 0, outputs: ['out'], entry: (config: { scope?: string[] | 'group' | null; uncaught?: boolean }) => ({ on: 'fault', of: config.scope ?? 'flow', uncaught: config.uncaught === true }) }),
    defineNode({ ...base, type: 'complete', inputs: 0, outputs: ['out'], entry: (config: { scope: string[] }) => ({ on: 'complete', of: config.scope }) }),
    defineNode({ ...base, type: 'status', inputs: 0, outputs: ['out'], entry: () => ({ on: 'status', of: 'flow' }) }),
    defineNode({ ...base, type: 'teller', outputs: ['out'], compile: (_config, scope) => (message, run) => (scope.status({ text: 'told' }, run, message), undefined) }),
    defineNode({ ...base, type: 'env', outputs: ['out'], compile: (config: { name: string }, scope) => (message) => ({ out: { ...message, payload: scope.env(config.name) } }) }),
    defineNode({ ...base, type: 'debug', outputs: ['out'], compile: (_config, scope) => (message) => ({ out: { ...message, payload: scope.isDebugActive?.(true) } }) }),
    globalPolicy,
    defineNode({ ...base, type: 'backend', category: 'callout', outputs: ['out'] }),
    defineNode({ ...base, type: 'guard', outputs: ['out'], protects: true }),
    defineNode({ ...base, type: 'tick', inputs: 0, outputs: ['out'], entry: (config: { everyMs?: number; onceMs?: number }) => [{ on: 'manual' }, ...(config.everyMs ? [{ on: 'interval' as const, everyMs: config.everyMs }] : []), ...(config.onceMs ? [{ on: 'start' as const, delayMs: config.onceMs }] : [])] }),
    defineNode({ ...base, type: 'starter', outputs: ['out'], compile: (_config, scope) => (scope.emit('out', { payload: 'started' }), (message) => ({ out: message })) }),
  ]
}

const retired: string[] = []

function memoryContext(): Context {
  const map = new Map<string, unknown>()
  return {
    get: (key) => map.get(key),
    set: (key, value) => void map.set(key, value),
    keys: () => [...map.keys()],
    delete: (key) => void map.delete(key),
    increment: (key, by = 1) => (map.set(key, Number(map.get(key) ?? 0) + by), map.get(key) as number),
    remember(key) {
      const before = map.get(key)
      return () => void (before === undefined ? map.delete(key) : map.set(key, before))
    },
  }
}

/** A deployer with nothing around it: flows in, replies out, everything that was recorded at hand. */
export function bareDeployer(steps: Readonly<Record<string, Step>>, options: { clock?: Clock; deadlineMs?: number; drainMs?: number; hopLimit?: number; freeze?: boolean; env?: Record<string, string>; definitions?: readonly NodeDefinition[]; sandbox?: Sandbox; secrets?: Secrets; vault?: Vault } = {}) {
  const catalogue = createCatalogue([...bareNodes(steps), ...(options.definitions ?? [])])
  const events: GatewayEvent[] = []
  const summaries: RunSummary[] = []
  const logged: { level: string; facts: object; text: string }[] = []
  const log = (level: string) => (facts: object, text: string) => void logged.push({ level, facts, text })
  const absent = new Proxy({}, { get: (_target, name) => () => Promise.reject(new Error(`${String(name)} is not part of this test`)) }) as never
  const deployer = createDeployer(
    {
      deadlineMs: options.deadlineMs ?? 5_000,
      ...(options.drainMs === undefined ? {} : { drainMs: options.drainMs }),
      hopLimit: options.hopLimit ?? 1_000,
      stepLimit: 100_000,
      ...(options.freeze === false ? {} : { freeze: freezeDeep }),
    },
    {
      catalogue,
      assemble: createAssembler(catalogue, options.env),
      buildRoutes,
      startTimer: createTimers(options.clock ?? systemClock),
      contexts: { get: () => undefined, delete: () => {} },
      services: {
        clock: options.clock ?? systemClock,
        log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
        sandbox: options.sandbox ?? absent,
        upstream: absent,
        clients: createClients({ clock: options.clock ?? systemClock }),
        decisions: createDecisionLog({ clock: options.clock ?? systemClock }),
        state: createMemoryState({ clock: options.clock ?? systemClock }),
        lines: createMemoryLines(options.clock ?? systemClock),
        jobs: absent,
        schedules: absent,
        env: options.env ?? {},
        ...(options.vault ? { vault: () => options.vault as Vault } : {}),
        ...(options.secrets ? { secrets: options.secrets } : {}),
        recorder: { record: (summary) => void summaries.push(summary) },
        contextsOf: () => ({ node: memoryContext(), flow: memoryContext(), global: memoryContext() }),
        createRunContext: memoryContext,
        publish: (event) => void events.push(event),
      },
    },
  )
  let count = 0
  retired.length = 0

  function toRelease(nodes: readonly unknown[], credentials: Credentials = {}): Release {
    const revisions = toRevisions(nodes as EditorNode[])
    const flows = revisions.map(({ hash, document }) => ({ id: document.id, revision: hash }))
    return { manifest: { id: ++count, createdAt: '', flows, hash: sha256(JSON.stringify(flows)), credentialsHash: '' }, revisions, credentials }
  }

  return {
    deployer,
    events,
    summaries,
    logged,
    retired,
    toRelease,
    async deploy(nodes: readonly unknown[], credentials?: Credentials) {
      const result = await deployer.prepare(toRelease(nodes, credentials))
      if (result.ok) deployer.commit(result.prepared)
      return result
    },
    /** Calls an entry as the front would. `gone` lets the test hang up. */
    call(path: string, message: Message = {}) {
      const deployment = deployer.current()
      const found = deployment?.routes.find('GET', path, '')
      if (!deployment || found?.kind !== 'found') throw new Error(`nothing at ${path}`)
      let hangUp: (reason: Fault) => void = () => {}
      const answer = new Promise<{ reply?: Message; fault?: Fault; release: number }>((resolve) => {
        const handle = deployment.enter(found.route, {
          id: `r${++count}`,
          request: { method: 'GET', path } as RequestFacts,
          message,
          reply: (reply) => resolve({ reply, release: deployment.release }),
          fail: (fault) => resolve({ fault, release: deployment.release }),
        })
        hangUp = (reason) => handle.abort(reason)
      })
      return Object.assign(answer, { hangUp: (reason: Fault) => hangUp(reason) })
    },
  }
}
