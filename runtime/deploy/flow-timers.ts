import type { StartTimer } from '../core/entry.ts'
import type { Pipeline } from '../core/pipeline.ts'
import type { Cause, LiveDeployment } from './live-deployment.ts'
import { messageId } from './message-id.ts'

/** What starts flows by itself: once per live pipeline, however many deployments hold it. */
export interface FlowTimers {
  /** `again`: it ran until now, and what is done once at the start is not done again. */
  start(pipeline: Pipeline, again?: boolean): void
  /** Stops the timers of pipelines that are not among these. */
  keepOnly(pipelines: readonly Pipeline[]): void
}

/** @param holderOf the deployment that a run of this pipeline begins in */
export function createFlowTimers(startTimer: StartTimer, holderOf: (flow: string, key: string) => LiveDeployment | undefined): FlowTimers {
  const running = new Map<string, readonly (() => void)[]>()
  return {
    start(pipeline, again = false) {
      if (running.has(pipeline.key)) return
      const entries = again ? pipeline.entries.filter(({ entry }) => entry.on !== 'start') : pipeline.entries
      const stops = entries.map(({ node, entry }) =>
        startTimer(entry, () => holderOf(pipeline.flow, pipeline.key)?.start(node, entry.on as Cause, { _msgid: messageId() }), { flow: pipeline.flow, node: node.id }),
      )
      running.set(pipeline.key, stops)
    },
    keepOnly(pipelines) {
      const wanted = new Set(pipelines.map(({ key }) => key))
      for (const [key, stops] of running) {
        if (wanted.has(key)) continue
        for (const stop of stops) stop()
        running.delete(key)
      }
    },
  }
}
