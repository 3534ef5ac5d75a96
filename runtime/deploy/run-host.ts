import { closedFault } from '../core/access/closed-api.ts'
import { refuseCall } from '../core/access/decision.ts'
import { fault } from '../core/fault.ts'
import type { FaultCode } from '../core/faults.ts'
import type { Message } from '../core/message.ts'
import { DeadlineList } from '../engine/deadlines.ts'
import type { EngineRun } from '../engine/engine-run.ts'
import { createNotices } from './api-notices.ts'
import type { Cause, DeploymentHost, LiveDeployment } from './live-deployment.ts'
import type { Services } from './services.ts'

export interface RunHostOptions {
  readonly hopLimit: number
  readonly stepLimit: number
  readonly freeze?: (message: Message) => void
  /** Callers may shorten the time of their run (`X-Request-Deadline`). */
  readonly trustRequestDeadline?: boolean
  /** `forbid`: routes that ask nobody who calls answer nobody. */
  readonly publicRoutes?: 'allow' | 'forbid'
}

/** A refusal as 401 has to name a way in (RFC 9110 §11.6.1), and there is none yet. */
const noWayIn = { 'WWW-Authenticate': 'None realm="api"' }

/** What the runs of all deployments share, and the watch over their deadlines. */
export interface SharedRunHost {
  readonly host: DeploymentHost
  /** Ends the runs of a deployment. Resolves with their number. */
  abortRunsOf(deployment: LiveDeployment): number
  close(): void
}

/** One for all deployments of a gateway. */
export function createRunHost(options: RunHostOptions, { clients, clock, decisions, log, recorder, tracing, createRunContext }: Pick<Services, 'clients' | 'clock' | 'decisions' | 'log' | 'recorder' | 'tracing' | 'createRunContext'>): SharedRunHost {
  const lists = new Map<number, DeadlineList>()
  const prefix = `${process.pid.toString(36)}-${Math.floor(clock.now()).toString(36)}`
  let runCount = 0
  return {
    host: {
      tracing,
      runs: {
        clock,
        log,
        hopLimit: options.hopLimit,
        stepLimit: options.stepLimit,
        ...(options.freeze ? { freeze: options.freeze } : {}),
        createContext: () => createRunContext(),
      },
      trustsDeadline: options.trustRequestDeadline === true,
      deadlines(limitMs) {
        // Times that callers say are many; a list takes those that are about as long.
        const key = options.trustRequestDeadline === true ? 2 ** Math.ceil(Math.log2(limitMs)) : limitMs
        let list = lists.get(key)
        if (!list) lists.set(key, (list = new DeadlineList(clock)))
        return list
      },
      nextRunId: () => `${prefix}-${(++runCount).toString(36)}`,
      apiOf: (flow) => clients.apiOfFlow(flow),
      whyClosed(api, node, { id, request }) {
        const closed = closedFault(api, clock.now())
        if (!closed) return undefined
        const checks = [{ check: 'API', passed: false, api: api.id, lifecycle: api.lifecycle, sunset: api.sunset }]
        return refuseCall({ node, clients, decisions, clock }, { id, flow: node.flow, request, log }, { code: closed.code as FaultCode, facts: closed.facts, checks })
      },
      whyNotPublic(api, node, { id, request }) {
        const byRecord = api !== undefined && api.visibility !== 'public'
        if (!byRecord && options.publicRoutes !== 'forbid') return undefined
        const reason = byRecord ? `the record of the API says that its visibility is ${api.visibility}, and nothing in its flow asks who calls` : 'public routes are forbidden here (SLUICE_PUBLIC_ROUTES), and nothing in this flow asks who calls'
        const remedy = `Put an auth node right behind http in, or into a global policy${byRecord ? '; or make the API public in its record' : ''}.`
        const checks = [{ check: 'caller is asked', passed: false, ...(api ? { api: api.id, visibility: api.visibility } : {}), reason, remedy }]
        return refuseCall({ node, clients, decisions, clock }, { id, flow: node.flow, request, log }, { code: 'auth.required', checks, headers: noWayIn })
      },
      noticeOf: createNotices(clients, clock),
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
          ...(run.waitedMs === undefined ? {} : { waitedMs: run.waitedMs }),
          ...(run.uncaught ? { fault: run.uncaught.code } : {}),
        })
      },
    },
    abortRunsOf(deployment) {
      let cut = deployment.cutExpected(fault('gateway.draining'))
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
