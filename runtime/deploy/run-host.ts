import { closedCode } from '../core/closed-api.ts'
import { fault } from '../core/fault.ts'
import type { Message } from '../core/message.ts'
import { DeadlineList } from '../engine/deadlines.ts'
import type { EngineRun } from '../engine/engine-run.ts'
import type { Cause, DeploymentHost, LiveDeployment } from './live-deployment.ts'
import type { Services } from './services.ts'

export interface RunHostOptions {
  readonly hopLimit: number
  readonly stepLimit: number
  readonly freeze?: (message: Message) => void
}

/** What the runs of all deployments share, and the watch over their deadlines. */
export interface SharedRunHost {
  readonly host: DeploymentHost
  /** Ends the runs of a deployment. Resolves with their number. */
  abortRunsOf(deployment: LiveDeployment): number
  close(): void
}

export function createRunHost(options: RunHostOptions, { clients, clock, log, recorder, createRunContext }: Pick<Services, 'clients' | 'clock' | 'log' | 'recorder' | 'createRunContext'>): SharedRunHost {
  const lists = new Map<number, DeadlineList>()
  const prefix = `${process.pid.toString(36)}-${Math.floor(clock.now()).toString(36)}`
  let runCount = 0
  return {
    host: {
      runs: {
        clock,
        log,
        hopLimit: options.hopLimit,
        stepLimit: options.stepLimit,
        ...(options.freeze ? { freeze: options.freeze } : {}),
        createContext: () => createRunContext(),
      },
      deadlines(limitMs) {
        let list = lists.get(limitMs)
        if (!list) lists.set(limitMs, (list = new DeadlineList(clock)))
        return list
      },
      nextRunId: () => `${prefix}-${(++runCount).toString(36)}`,
      whyClosed(flow) {
        const api = clients.apiOfFlow(flow)
        const code = api && closedCode(api.lifecycle)
        return code && fault(code)
      },
      ended(run, deployment) {
        if (run.called) return // the front writes the line of a request, with its status
        recorder.record({
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
    },
    abortRunsOf(deployment) {
      let cut = 0
      for (const list of lists.values()) {
        for (const run of list) {
          if ((run as EngineRun).home !== deployment) continue
          cut++
          ;(run as EngineRun).abort(fault('gateway.draining'))
        }
      }
      return cut
    },
    close() {
      for (const list of lists.values()) list.close()
    },
  }
}
