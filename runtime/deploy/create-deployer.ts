import type { Assemble } from '../compile/assemble.ts'
import type { Catalogue } from '../compile/catalogue.ts'
import type { BuildRoutes, Deployment } from '../core/deployment.ts'
import type { Deployer } from '../core/deployer.ts'
import type { StartTimer } from '../core/entry.ts'
import type { Log } from '../core/log.ts'
import { createDebugSwitches } from './debug-switches.ts'
import { createDeployments } from './deployments.ts'
import { createEarlySends } from './early-sends.ts'
import { createEditorCommands, type ContextDoor } from './editor-commands.ts'
import { createFlowTimers } from './flow-timers.ts'
import { createHidings } from './hide-values.ts'
import { createHeldPipelines } from './held-pipelines.ts'
import { createFlowLinker } from './link-flow.ts'
import type { LiveDeployment } from './live-deployment.ts'
import { createPreparer, type PreparedDeployment } from './prepare.ts'
import { createRotation } from './rotation.ts'
import { createRunHost, type RunHostOptions } from './run-host.ts'
import type { Services } from './services.ts'
import { createSharedThings } from './shared.ts'
import { waitsFor } from './waiting-pipeline.ts'

export interface DeployerOptions extends RunHostOptions {
  /** Limit of a run unless its flow sets SLUICE_DEADLINE_MS. */
  readonly deadlineMs: number
  /** How long runs of a replaced deployment may go on before they are ended. Absent: until the last of their own deadlines. */
  readonly drainMs?: number
}

export interface DeployerParts {
  readonly catalogue: Catalogue
  readonly assemble: Assemble
  readonly buildRoutes: BuildRoutes
  readonly startTimer: StartTimer
  readonly services: Services
  readonly contexts: ContextDoor
}

/** The deployer of a gateway, with what the front and the shutdown need besides. */
export interface GatewayDeployer extends Deployer {
  current(): Deployment | undefined
  readonly inFlight: number
  /** Flows that are live and wait for secrets. */
  readonly waiting: readonly string[]
  /** The gateway's log for whoever says what became of runs: the values of secrets that flows use are taken out. */
  readonly log: Log
  /** Stops timers, lets runs finish within the limit, ends the rest. */
  drain(limitMs: number): Promise<{ readonly cut: number }>
  close(): Promise<void>
}

/**
 * Keeps what is live. A release is assembled and linked beside the live deployment, sharing every
 * pipeline that did not change; `commit` moves one pointer; the old deployment drains and lets go of the
 * pipelines that nobody else holds.
 */
export function createDeployer(options: DeployerOptions, { catalogue, assemble, buildRoutes, startTimer, services: given, contexts }: DeployerParts): GatewayDeployer {
  const hidings = createHidings()
  const log = hidings.log(given.log)
  const services: Services = { ...given, log }
  const { clock } = services
  const early = createEarlySends()
  const pipelines = createHeldPipelines((key) => early.forget(key))
  const runs = createRunHost(options, services)
  const deployments = createDeployments({ clock, log, pipelines, drainMs: options.drainMs, abortRunsOf: runs.abortRunsOf })
  const timers = createFlowTimers(startTimer, deployments.holderOf)
  const debugSwitches = createDebugSwitches()
  const linkFlow = createFlowLinker({
    catalogue, services, early, hidings, shared: createSharedThings(), deadlineMs: options.deadlineMs,
    holderOf: deployments.holderOf, debugSwitch: debugSwitches.of,
  })

  /** Brings to life what only a live deployment has. With newer secrets only, what a flow does once when it begins is not done again. */
  function wake(deployment: LiveDeployment, old: LiveDeployment | undefined, rotation: boolean): void {
    const all = [...deployment.pipelines.values()]
    const changed = all.filter((pipeline) => old?.pipelines.get(pipeline.flow) !== pipeline)
    timers.keepOnly(all)
    debugSwitches.forget(changed, all)
    for (const pipeline of changed) {
      timers.start(pipeline, rotation && !waitsFor(old?.pipelines.get(pipeline.flow)))
      early.sendAll(pipeline.key)
    }
  }

  const editorCommand = createEditorCommands({ cache: services.state.cache, jobs: services.jobs, contexts, debugSwitches, decisions: services.decisions, desk: services.desk, live: () => deployments.live })

  const prepare = createPreparer({
    assemble, buildRoutes, pipelines, linkFlow, host: runs.host, secrets: services.secrets, log, deadlineMs: options.deadlineMs, live: () => deployments.live,
  })
  /** What is live, as it was prepared. */
  let liveNow: PreparedDeployment | undefined

  function put(fresh: PreparedDeployment, rotation: boolean): void {
    if (fresh.settled) return
    fresh.settled = true
    const { deployment } = fresh
    const old = deployments.live
    liveNow = fresh
    deployments.replace(deployment)
    wake(deployment, old, rotation)
    services.secrets?.keepOnly(new Set([...fresh.secrets.values()].flatMap((versions) => [...versions.keys()])))
    const { waiting } = deployer
    if (waiting.length > 0) log.warn({ release: deployment.release, flows: waiting }, 'flows wait for secrets; their routes answer 503 until these can be had')
  }

  async function discard(unwanted: PreparedDeployment): Promise<void> {
    if (unwanted.settled) return
    unwanted.settled = true
    await pipelines.letGo(unwanted.deployment.pipelines.values())
  }

  const rotation = services.secrets && createRotation({
    secrets: services.secrets, log, discard,
    live: () => liveNow,
    prepareAgain: ({ release }) => prepare(release, true, 'rotation'),
    commit: (fresh) => put(fresh, true),
  })

  const deployer: GatewayDeployer = {
    prepare: (release, checked, patient) => prepare(release, checked, patient === true ? 'start' : 'deploy'),
    commit(prepared) {
      const { deployment, settled } = prepared as PreparedDeployment
      if (settled) return
      put(prepared as PreparedDeployment, false)
      log.info({ release: deployment.release, flows: deployment.pipelines.size, routes: deployment.routes.size }, 'release is live')
      // A secret may have changed since it was prepared.
      if ((prepared as PreparedDeployment).secrets.size > 0) rotation?.look()
    },
    discard: (prepared) => discard(prepared as PreparedDeployment),
    log,
    get waiting() {
      return [...(deployments.live?.pipelines.values() ?? [])].filter((pipeline) => waitsFor(pipeline)).map(({ flow }) => flow)
    },
    live() {
      const { live } = deployments
      return live && { id: live.release, hash: live.hash, since: live.since }
    },
    current: () => deployments.live,
    get inFlight() {
      return deployments.inFlight
    },
    command: async (asked) => await (services.traceDesk?.(asked) ?? editorCommand(asked)),
    async drain(limitMs) {
      timers.keepOnly([])
      return { cut: await deployments.drain(limitMs) }
    },
    async close() {
      timers.keepOnly([])
      await rotation?.close()
      await deployments.close()
      await pipelines.close()
      runs.close()
    },
  }
  return deployer
}
