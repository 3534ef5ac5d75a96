import type { Assemble, AssembledFlow, Assembly } from '../compile/assemble.ts'
import type { Catalogue } from '../compile/catalogue.ts'
import { propertyOf } from '../compile/check-document.ts'
import { globalEnv, lookUpEnv, lookUpTabEnv, substituteProperties, type Surroundings } from '../compile/env.ts'
import type { EnvEntry, FlowNode } from '../compile/flow.ts'
import { link } from '../compile/link.ts'
import type { BuildRoutes, Deployment } from '../core/deployment.ts'
import type { Deployer, GatewayCommand, Prepared, PrepareResult } from '../core/deployer.ts'
import type { StartTimer } from '../core/entry.ts'
import { fault } from '../core/fault.ts'
import type { Problem } from '../core/flow.ts'
import type { Message } from '../core/message.ts'
import type { Pipeline } from '../core/pipeline.ts'
import type { Release } from '../core/release.ts'
import { DeadlineList } from '../engine/deadlines.ts'
import type { EngineRun } from '../engine/engine-run.ts'
import { computeEnv } from './compute-env.ts'
import { createDebugSwitches } from './debug-switches.ts'
import { LiveDeployment, type Cause, type DeploymentHost } from './live-deployment.ts'
import { pipelineKey } from './pipeline-key.ts'
import { createScope } from './scope.ts'
import type { Services } from './services.ts'
import { createSharedThings } from './shared.ts'

export interface DeployerOptions {
  /** Limit of a run unless its flow sets SLUICE_DEADLINE_MS. */
  readonly deadlineMs: number
  /** How long runs of a replaced deployment may go on before they are ended. Absent: until the last of their own deadlines. */
  readonly drainMs?: number
  readonly hopLimit: number
  readonly stepLimit: number
  readonly freeze?: (message: Message) => void
}

export interface DeployerParts {
  readonly catalogue: Catalogue
  readonly assemble: Assemble
  readonly buildRoutes: BuildRoutes
  readonly startTimer: StartTimer
  readonly services: Services
  /** Called when a pipeline or the context of the editor is asked for. */
  readonly contexts: { get(scope: 'node' | 'flow' | 'global', id: string | undefined, key: string | undefined): unknown; delete(scope: 'node' | 'flow' | 'global', id: string | undefined, key: string | undefined): void }
}

/** The deployer of a gateway, with what the front and the shutdown need besides. */
export interface GatewayDeployer extends Deployer {
  current(): Deployment | undefined
  readonly inFlight: number
  /** Stops timers, lets runs finish within the limit, ends the rest. */
  drain(limitMs: number): Promise<{ readonly cut: number }>
  close(): Promise<void>
}

/** How much longer than their deadlines runs of a replaced deployment are waited for. */
const drainGraceMs = 5_000
/** Messages kept of what a pipeline sends before it is live. */
const mostEarly = 1_000

class PreparedDeployment implements Prepared {
  /** True once it was committed or discarded: its pipelines are let go of once. */
  settled = false
  readonly release: Release
  readonly warnings: readonly Problem[]
  readonly deployment: LiveDeployment
  constructor(release: Release, warnings: readonly Problem[], deployment: LiveDeployment) {
    this.release = release
    this.warnings = warnings
    this.deployment = deployment
  }
}

/**
 * Keeps what is live. A release is assembled and linked beside the live deployment, sharing every
 * pipeline that did not change; `commit` moves one pointer; the old deployment drains and lets go of the
 * pipelines that nobody else holds.
 */
export function createDeployer(options: DeployerOptions, parts: DeployerParts): GatewayDeployer {
  const { services } = parts
  const { clock, log } = services
  const shared = createSharedThings()
  const lists = new Map<number, DeadlineList>()
  /** Every pipeline that some deployment holds, by key, with the number of its holders. */
  const held = new Map<string, { pipeline: Pipeline; holders: number }>()
  const timers = new Map<string, (() => void)[]>()
  /** What nodes sent outside of any run before their pipeline was live, by its key. */
  const early = new Map<string, (() => void)[]>()
  const debugSwitches = createDebugSwitches()
  const draining = new Set<LiveDeployment>()
  let live: LiveDeployment | undefined
  let runCount = 0
  const prefix = `${process.pid.toString(36)}-${Math.floor(clock.now()).toString(36)}`

  const host: DeploymentHost = {
    runs: {
      clock,
      log,
      hopLimit: options.hopLimit,
      stepLimit: options.stepLimit,
      ...(options.freeze ? { freeze: options.freeze } : {}),
      createContext: () => services.createRunContext(),
    },
    deadlines(limitMs) {
      let list = lists.get(limitMs)
      if (!list) lists.set(limitMs, (list = new DeadlineList(clock)))
      return list
    },
    nextRunId: () => `${prefix}-${(++runCount).toString(36)}`,
    ended(run, deployment) {
      if (run.called) return // the front writes the line of a request, with its status
      services.recorder.record({
        run: run.id,
        on: run.on as Cause,
        flow: run.flow,
        node: run.entry.id,
        revision: run.revision,
        release: deployment.release,
        tookMs: clock.now() - run.startedAt,
        ...(run.uncaught ? { fault: run.uncaught.code } : {}),
      })
    },
  }

  return {
    async prepare(release, checked): Promise<PrepareResult> {
      const assembly = parts.assemble(release.revisions, checked)
      const errors = assembly.problems.filter((problem) => problem.severity === 'error')
      if (errors.length > 0) return { ok: false, problems: errors }

      const pipelines = new Map<string, Pipeline>()
      const problems: Problem[] = []
      try {
        for (const assembled of assembly.flows) {
          const key = pipelineKey(assembled, assembly.estate, release.credentials)
          const known = held.get(key)?.pipeline
          const linked = known ? { pipeline: known } : await linkFlow(key, assembled, assembly, release)
          if ('problems' in linked) problems.push(...linked.problems)
          else pipelines.set(assembled.flow.document.id, await hold(linked.pipeline))
        }
      } catch (thrown) {
        await letGo(pipelines.values())
        throw thrown
      }
      const { table, conflicts } = parts.buildRoutes(assembly.flows.flatMap(({ routes }) => routes), live?.routes)
      for (const conflict of conflicts) {
        problems.push({
          severity: 'error', code: 'route.conflict', flow: conflict.route.flow, node: conflict.route.node, property: 'url',
          message: conflict.reason, remedy: 'Give one of the two another path or method.',
        })
      }
      if (problems.length > 0) {
        await letGo(pipelines.values())
        return { ok: false, problems }
      }
      const deployment = new LiveDeployment(release.manifest.id, release.manifest.hash, table, pipelines, host)
      return { ok: true, prepared: new PreparedDeployment(release, assembly.problems, deployment) }
    },

    commit(prepared) {
      const fresh = prepared as PreparedDeployment
      if (fresh.settled) return
      fresh.settled = true
      const { deployment } = fresh
      const old = live
      live = deployment
      for (const [key, stops] of timers) {
        if (![...deployment.pipelines.values()].some((pipeline) => pipeline.key === key)) stopTimers(key, stops)
      }
      const changed = [...deployment.pipelines.values()].filter((pipeline) => old?.pipelines.get(pipeline.flow) !== pipeline)
      debugSwitches.forget(changed, [...deployment.pipelines.values()])
      for (const pipeline of changed) {
        startTimers(pipeline)
        for (const send of early.get(pipeline.key)?.splice(0) ?? []) send()
        early.delete(pipeline.key)
      }
      log.info({ release: deployment.release, flows: deployment.pipelines.size, routes: deployment.routes.size }, 'release is live')
      if (old) void retire(old, options.drainMs ?? longestRunMs(old) + drainGraceMs)
    },

    async discard(prepared) {
      const unwanted = prepared as PreparedDeployment
      if (unwanted.settled) return
      unwanted.settled = true
      await letGo(unwanted.deployment.pipelines.values())
    },

    live: () => live && { id: live.release, hash: live.hash, since: live.since },
    current: () => live,
    get inFlight() {
      return (live?.inFlight ?? 0) + [...draining].reduce((sum, deployment) => sum + deployment.inFlight, 0)
    },

    async command(command: GatewayCommand) {
      switch (command.do) {
        case 'inject': {
          const found = live?.find(command.node)
          if (!found || !live) throw fault('step.config', { message: `The node ${command.node} is not part of the live release. Deploy first.` })
          live.start(found.node, 'manual', { _msgid: messageId(), ...(command.props ? { __user_inject_props__: command.props } : {}) })
          return { started: true }
        }
        case 'debug':
          debugSwitches.set(command.node, command.active, live?.pipelines.values() ?? [])
          return { active: command.active }
        case 'context.get':
          return parts.contexts.get(command.scope, command.id, command.key)
        case 'context.delete':
          parts.contexts.delete(command.scope, command.id, command.key)
          return { deleted: true }
        default:
          throw fault('step.config', { message: 'This command is not known.' })
      }
    },

    async drain(limitMs) {
      for (const [key, stops] of timers) stopTimers(key, stops)
      const all = [...(live ? [live] : []), ...draining]
      const cut = await Promise.all(all.map((deployment) => finish(deployment, limitMs)))
      return { cut: cut.reduce((sum, count) => sum + count, 0) }
    },

    async close() {
      for (const [key, stops] of timers) stopTimers(key, stops)
      const last = live
      live = undefined
      if (last) await retire(last, 0)
      await Promise.all([...draining].map((deployment) => finish(deployment, 0)))
      await Promise.all([...held.values()].map(({ pipeline }) => pipeline.close()))
      held.clear()
      for (const list of lists.values()) list.close()
    },
  }

  async function linkFlow(key: string, assembled: AssembledFlow, assembly: Assembly, release: Release) {
    const closing: (() => void | Promise<void>)[] = []
    const computed = new Map<EnvEntry, unknown>()
    const around: Surroundings = { credentials: release.credentials, process: services.env, global: globalEnv(assembly.estate), computed }
    const problems = await computeEnv(assembled.flow, around, computed, services)
    if (problems.length > 0) return { problems }
    const id = assembled.flow.document.id
    let closed = false
    /** What On Start code sends waits for the commit: until then there is no deployment that it could run in. */
    const whenLive = (begin: (holder: LiveDeployment) => void) => {
      if (closed) return
      const holder = holderOf(id, key)
      if (holder) return begin(holder)
      const waiting = early.get(key) ?? []
      if (waiting.length < mostEarly) waiting.push(() => whenLive(begin))
      early.set(key, waiting)
    }
    return link(assembled, {
      key,
      deadlineMs: deadlineOf(assembled, around),
      configOf: (node) => configOf(node, assembled, around),
      scopeOf: (node, linked) =>
        createScope(node, linked, {
          services,
          shared,
          flow: assembled.flow,
          estate: assembly.estate,
          around,
          emit: (from, port, message) => whenLive((holder) => holder.startBehind(from, port, message)),
          wake: (listener, message) => whenLive((holder) => holder.start(listener, 'emit', message)),
          debugSwitch: (node) => debugSwitches.of(node),
          onRetire: (close) => closing.push(close),
        }),
      async close() {
        closed = true
        for (const close of closing.splice(0).reverse()) {
          try {
            await close()
          } catch (thrown) {
            log.error({ flow: id, message: thrown instanceof Error ? thrown.message : String(thrown) }, 'a node failed while it was retired')
          }
        }
      },
    })
  }

  /** The deployment in which a pipeline's own timers start runs: the live one, else one that still drains. */
  function holderOf(flow: string, key: string): LiveDeployment | undefined {
    return [live, ...draining].find((deployment) => deployment?.pipelines.get(flow)?.key === key)
  }

  function configOf(node: FlowNode, assembled: AssembledFlow, around: Surroundings): Readonly<Record<string, unknown>> {
    const known = assembled.configs.get(node.id) ?? {}
    // Credentials are known only now: a config that names an environment entry is filled in again.
    if (!node.definition || !/\$[{(]/.test(JSON.stringify(node.properties))) return known
    const properties = substituteProperties(node.properties, (name) => lookUpEnv(node, name, around)) as Record<string, unknown>
    const { config, errors } = parts.catalogue.configure(node.definition, properties)
    const [error] = errors
    if (error) throw fault('config.invalid', { property: propertyOf(error), message: `“${propertyOf(error)}” ${error.message ?? 'is not valid'}, as the environment fills it in.` })
    // Routes and timers were settled without secrets and computed values: one that depends on them would be another.
    if (node.definition.entry && JSON.stringify(node.definition.entry(config)) !== JSON.stringify(node.definition.entry(known))) {
      throw fault('config.invalid', { message: 'How the flow is reached depends on a variable that is secret or computed.', remedy: 'Use a variable with a plain value there.' })
    }
    return config
  }

  function deadlineOf(assembled: AssembledFlow, around: Surroundings): number {
    const value = Number(lookUpTabEnv(assembled.flow.container, 'SLUICE_DEADLINE_MS', around))
    return Number.isFinite(value) && value > 0 ? value : options.deadlineMs
  }

  /** Holds a pipeline, or in its place the equal one that another prepare has linked meanwhile. */
  async function hold(pipeline: Pipeline): Promise<Pipeline> {
    const entry = held.get(pipeline.key)
    if (!entry) {
      held.set(pipeline.key, { pipeline, holders: 1 })
      return pipeline
    }
    entry.holders++
    if (entry.pipeline !== pipeline) await pipeline.close()
    return entry.pipeline
  }

  async function letGo(pipelines: Iterable<Pipeline>): Promise<void> {
    for (const { key } of pipelines) {
      const entry = held.get(key)
      if (!entry || --entry.holders > 0) continue
      held.delete(key)
      early.delete(key)
      await entry.pipeline.close()
    }
  }

  async function retire(deployment: LiveDeployment, limitMs: number): Promise<void> {
    draining.add(deployment)
    const cut = await finish(deployment, limitMs)
    draining.delete(deployment)
    await letGo(deployment.pipelines.values())
    log.info({ release: deployment.release, cut }, 'release is retired')
  }

  /** Waits for the runs of a deployment; those left at the limit are ended. Resolves with their number. */
  async function finish(deployment: LiveDeployment, limitMs: number): Promise<number> {
    if (deployment.inFlight === 0) return 0
    let stop = () => {}
    const late = new Promise<'late'>((resolve) => (stop = clock.setTimer(() => resolve('late'), limitMs)))
    const outcome = await Promise.race([deployment.idle(), late])
    stop()
    if (outcome !== 'late') return 0
    let cut = 0
    for (const list of lists.values()) {
      for (const run of list) {
        if ((run as EngineRun).home !== deployment) continue
        cut++
        ;(run as EngineRun).abort(fault('gateway.draining'))
      }
    }
    return cut
  }

  function startTimers(pipeline: Pipeline): void {
    if (timers.has(pipeline.key)) return
    const stops = pipeline.entries.map(({ node, entry }) =>
      parts.startTimer(entry, () => holderOf(pipeline.flow, pipeline.key)?.start(node, entry.on as Cause, { _msgid: messageId() })),
    )
    timers.set(pipeline.key, stops)
  }

  function stopTimers(key: string, stops: readonly (() => void)[]): void {
    for (const stop of stops) stop()
    timers.delete(key)
  }
}

/** The longest that a run of a deployment may take. */
function longestRunMs({ pipelines }: LiveDeployment): number {
  let longest = 0
  for (const { deadlineMs, entries } of pipelines.values()) {
    longest = Math.max(longest, deadlineMs)
    for (const { entry } of entries) if (entry.on === 'http') longest = Math.max(longest, entry.deadlineMs ?? 0)
  }
  return longest
}

/** 16 hex digits, as Node-RED's `_msgid`. */
function messageId(): string {
  return Math.floor(Math.random() * 2 ** 52).toString(16).padStart(16, '0')
}
