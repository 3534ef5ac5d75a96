import { organisationOf } from '../../runtime/compile/organisation-of.ts'
import type { Problem } from '../../runtime/core/flow.ts'
import type { Touch } from './touches.ts'

/** An API record and the flow that it says serves it. */
export interface FlowClaim {
  readonly flow: string
  readonly api: string
  readonly organisation: string
}

/** Tabs that would go to another organisation than the one whose API they serve. */
export async function findClaimed(touches: readonly Touch[], claimsOf: (flows: readonly string[]) => Promise<readonly FlowClaim[]>): Promise<Problem[]> {
  const moved = new Map(
    touches.flatMap(({ before, after }) => {
      const to = after && organisationOf(after)
      return after && to !== undefined && to !== (before && organisationOf(before)) ? [[after.id, { label: after.label, to }] as const] : []
    }),
  )
  if (moved.size === 0) return []
  return (await claimsOf([...moved.keys()])).flatMap(({ flow, api, organisation }): Problem[] => {
    const { label, to } = moved.get(flow)!
    if (organisation === to) return []
    return [{
      severity: 'error', code: 'deploy.claimed', flow,
      message: `“${label}” serves the API “${api}” of the organisation ${organisation}, and would belong to ${to}.`,
      remedy: `Let the flow belong to ${organisation}, or give the API another flow first.`,
    }]
  })
}
