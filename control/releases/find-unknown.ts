import { organisationOf } from '../../runtime/compile/organisation-of.ts'
import type { Problem } from '../../runtime/core/flow.ts'
import type { Touch } from './touches.ts'

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
