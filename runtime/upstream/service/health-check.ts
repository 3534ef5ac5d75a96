import type { Clock } from '../../core/time/clock.ts'
import { errand } from '../../core/errand.ts'
import type { Log } from '../../core/log.ts'
import type { Run } from '../../core/run.ts'
import type { UpstreamReply, UpstreamRequest, UpstreamTls } from '../../core/upstream/upstream.ts'
import type { HealthCheckPolicy } from '../../core/upstream/upstream-service.ts'
import { Lane } from '../lane.ts'
import type { Instance } from './instances.ts'

/** Most of a check's answer that is read. */
const answerLimitBytes = 64 * 1024

export type CallUpstream = (request: UpstreamRequest, run: Run, startedAt: number, timeoutMs: number, lane?: Lane) => Promise<UpstreamReply>

/** Asks one instance how it is. True: its answer is one that was hoped for. */
export async function askHealth(instance: Instance, policy: HealthCheckPolicy, tls: UpstreamTls | undefined, { clock, log, call }: { readonly clock: Clock; readonly log: Log; readonly call: CallUpstream }): Promise<boolean> {
  const request: UpstreamRequest = { method: 'GET', url: instance.base + policy.path, timeoutMs: policy.timeoutMs, responseLimitBytes: answerLimitBytes, redirects: 0, ...(tls ? { tls } : {}) }
  try {
    const reply = await call(request, errand({ clock, log }, policy.timeoutMs), clock.now(), policy.timeoutMs, new Lane((url) => instance.placeOf(url)))
    return policy.statuses.has(reply.status)
  } catch {
    return false
  }
}

/** What a check says of an instance; true when that changed how it is taken. One that comes back begins slowly. */
export function noteHealth(instance: Pick<Instance, 'healthy' | 'checksAlike' | 'sinceMs' | 'failures' | 'ejectedUntilMs'>, well: boolean, policy: Pick<HealthCheckPolicy, 'upAfter' | 'downAfter'>, nowMs: number): boolean {
  if (well === instance.healthy) {
    instance.checksAlike = 0
    return false
  }
  instance.checksAlike += 1
  if (instance.checksAlike < (well ? policy.upAfter : policy.downAfter)) return false
  instance.healthy = well
  instance.checksAlike = 0
  if (well) {
    instance.sinceMs = nowMs
    instance.failures = 0
    instance.ejectedUntilMs = 0
  }
  return true
}
