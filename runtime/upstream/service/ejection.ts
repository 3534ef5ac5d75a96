import type { EjectionPolicy } from '../../core/upstream/upstream-service.ts'

/** An instance as the detector sees it; the detector keeps what is here. */
export interface Judged {
  failures: number
  /** How often it was left out lately. */
  ejections: number
  /** Until when it is left out; elapsed milliseconds, 0 when it is not. */
  ejectedUntilMs: number
  /** False when its health check says that it is down. */
  readonly healthy: boolean
}

/** True while it is left out. */
export function isEjected(instance: Judged, nowMs: number): boolean {
  return instance.ejectedUntilMs > nowMs
}

/**
 * Notes how a call went, and leaves the instance out when it has failed too often in a row. Gives back whether it was left out just
 * now. The last one that could be called is never left out: a bad instance is better than none.
 */
export function judge(instance: Judged, all: readonly Judged[], good: boolean, policy: EjectionPolicy, nowMs: number): boolean {
  if (good) {
    instance.failures = 0
    // Who stays well for as long as it was away begins anew.
    if (instance.ejections > 0 && instance.ejectedUntilMs > 0 && nowMs - instance.ejectedUntilMs > lengthMs(instance.ejections, policy)) instance.ejections -= 1
    return false
  }
  instance.failures += 1
  if (policy.after === 0 || instance.failures < policy.after || isEjected(instance, nowMs)) return false
  const away = all.filter((other) => isEjected(other, nowMs)).length
  const others = all.filter((other) => other !== instance && other.healthy && !isEjected(other, nowMs)).length
  if (others === 0) return false
  if (away + 1 > Math.max(1, Math.floor(all.length * policy.maxShare))) return false
  instance.failures = 0
  instance.ejections += 1
  instance.ejectedUntilMs = nowMs + lengthMs(instance.ejections, policy)
  return true
}

/**
 * The instances that calls may go to. When none is left (health checks say that all are down) all are: then the check is as likely
 * wrong as they are.
 */
export function usable<J extends Judged>(all: readonly J[], nowMs: number): readonly J[] {
  let out = 0
  for (const instance of all) if (!instance.healthy || instance.ejectedUntilMs > nowMs) out += 1
  if (out === 0) return all
  const left = all.filter((instance) => instance.healthy && !isEjected(instance, nowMs))
  if (left.length > 0) return left
  const healthy = all.filter((instance) => instance.healthy)
  return healthy.length > 0 ? healthy : all
}

function lengthMs(times: number, { baseMs, maxMs }: EjectionPolicy): number {
  return Math.min(maxMs, baseMs * 2 ** Math.min(20, times - 1))
}
