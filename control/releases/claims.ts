import type { Problem } from '../../runtime/core/flow.ts'
import type { Touch } from './admit.ts'
import { organisationOf } from './ownership.ts'

/** An API record and the flow that it says serves it. */
export interface Claim {
  readonly flow: string
  readonly api: string
  readonly organisation: string
}

/** Tabs that would go to another organisation than the one whose API they serve. */
export async function findClaimed(touches: readonly Touch[], claimsOf: (flows: readonly string[]) => Promise<readonly Claim[]>): Promise<Problem[]> {
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

/** A doubt for each tab that names an organisation which is not there: nobody draws for it. */
export async function findUnknown(touches: readonly Touch[], organisationsOf: (ids: readonly string[]) => Promise<ReadonlySet<string>>): Promise<Problem[]> {
  const named = touches.flatMap(({ after }) => {
    const organisation = after && organisationOf(after)
    return after && organisation !== undefined ? [{ flow: after.id, label: after.label, organisation }] : []
  })
  if (named.length === 0) return []
  const known = await organisationsOf([...new Set(named.map(({ organisation }) => organisation))])
  return named.filter(({ organisation }) => !known.has(organisation)).map(({ flow, label, organisation }) => ({
    severity: 'warning', code: 'deploy.no_such_organisation', flow,
    message: `“${label}” says that it belongs to “${organisation}”, which is no organisation.`,
    remedy: 'Correct SLUICE_ORGANISATION in its dialog, or make the organisation.',
  }))
}
