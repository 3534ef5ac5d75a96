import type { Clock } from '../core/time/clock.ts'
import type { Log } from '../core/log.ts'
import type { HeldPipelines } from './held-pipelines.ts'
import type { LiveDeployment } from './live-deployment.ts'

/** How much longer than their deadlines runs of a replaced deployment are waited for. */
const drainGraceMs = 5_000

/** The live deployment and those before it that still have runs. */
export interface Deployments {
  readonly live: LiveDeployment | undefined
  /** Runs that have not ended, in all of them. */
  readonly inFlight: number
  /** Makes a deployment the live one; the one before drains and is retired behind the caller's back. */
  replace(deployment: LiveDeployment): void
  /** The deployment in which a pipeline's own timers start runs: the live one, else one that still drains. */
  holderOf(flow: string, key: string): LiveDeployment | undefined
  /** Waits for the runs of all; those left at the limit are ended. Resolves with their number. */
  drain(limitMs: number): Promise<number>
  /** Ends everything now. */
  close(): Promise<void>
}

export interface DeploymentsParts {
  readonly clock: Clock
  readonly log: Log
  readonly pipelines: HeldPipelines
  /** How long runs of a replaced deployment may go on. Absent: until the last of their own deadlines. */
  readonly drainMs: number | undefined
  abortRunsOf(deployment: LiveDeployment): number
}

/** Holds what is live and what still drains. */
export function createDeployments({ clock, log, pipelines, drainMs, abortRunsOf }: DeploymentsParts): Deployments {
  const draining = new Set<LiveDeployment>()
  let live: LiveDeployment | undefined

  async function retire(deployment: LiveDeployment, limitMs: number): Promise<void> {
    draining.add(deployment)
    const cut = await finish(deployment, limitMs)
    draining.delete(deployment)
    await pipelines.letGo(deployment.pipelines.values())
    log.info({ release: deployment.release, cut }, 'release is retired')
  }

  async function finish(deployment: LiveDeployment, limitMs: number): Promise<number> {
    if (deployment.inFlight === 0) return 0
    let stop = () => {}
    const late = new Promise<'late'>((resolve) => (stop = clock.setTimer(() => resolve('late'), limitMs)))
    const outcome = await Promise.race([deployment.idle(), late])
    stop()
    return outcome === 'late' ? abortRunsOf(deployment) : 0
  }

  return {
    get live() {
      return live
    },
    get inFlight() {
      return (live?.inFlight ?? 0) + [...draining].reduce((sum, deployment) => sum + deployment.inFlight, 0)
    },
    replace(deployment) {
      const old = live
      live = deployment
      if (old) void retire(old, drainMs ?? longestRunMs(old) + drainGraceMs)
    },
    holderOf: (flow, key) => [live, ...draining].find((deployment) => deployment?.pipelines.get(flow)?.key === key),
    async drain(limitMs) {
      const all = [...(live ? [live] : []), ...draining]
      const cut = await Promise.all(all.map((deployment) => finish(deployment, limitMs)))
      return cut.reduce((sum, count) => sum + count, 0)
    },
    async close() {
      const last = live
      live = undefined
      if (last) await retire(last, 0)
      await Promise.all([...draining].map((deployment) => finish(deployment, 0)))
    },
  }
}

/** The longest that a run of a deployment may take. */
function longestRunMs({ pipelines }: LiveDeployment): number {
  let longest = 0
  for (const { deadlineMs, entries } of pipelines.values()) {
    longest = Math.max(longest, deadlineMs)
    for (const { entry } of entries) if (entry.on === 'http' || entry.on === 'job') longest = Math.max(longest, entry.deadlineMs ?? 0)
  }
  return longest
}
