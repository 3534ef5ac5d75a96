import type { Api } from './clients.ts'
import type { FaultCode } from './faults.ts'

/** Why an API is served to nobody in this state of its life: the fault that says so; `undefined` when it is served. */
export function closedCode(lifecycle: Api['lifecycle']): FaultCode | undefined {
  if (lifecycle === 'CREATED') return 'api.not_published'
  if (lifecycle === 'BLOCKED') return 'api.blocked'
  return lifecycle === 'RETIRED' ? 'api.retired' : undefined
}
