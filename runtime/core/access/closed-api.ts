import type { Api, KnownApi } from './clients.ts'
import { fault, type Fault } from '../fault.ts'
import type { FaultCode } from '../faults.ts'

/** Why an API is served to nobody in this state of its life: the fault that says so; `undefined` when it is served. */
export function closedCode(lifecycle: Api['lifecycle']): FaultCode | undefined {
  if (lifecycle === 'CREATED') return 'api.not_published'
  if (lifecycle === 'BLOCKED') return 'api.blocked'
  return lifecycle === 'RETIRED' ? 'api.retired' : undefined
}

/** Why an API is served to nobody at this time: the state of its life, or that its end has come. */
export function closedFault(api: KnownApi, nowMs: number): Fault | undefined {
  const code = closedCode(api.lifecycle)
  if (code !== undefined) return fault(code)
  return isPastSunset(api, nowMs) ? fault('api.sunset', { sunset: api.sunset }) : undefined
}

/** From the second of its sunset on an API is not served any more (RFC 8594). */
export function isPastSunset({ sunsetMs }: KnownApi, nowMs: number): boolean {
  return sunsetMs !== undefined && nowMs >= sunsetMs
}
