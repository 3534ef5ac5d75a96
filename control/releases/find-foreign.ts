import { organisationOf } from '../../runtime/compile/organisation-of.ts'
import type { Problem } from '../../runtime/core/flow.ts'
import type { Access } from '../consumers/rights.ts'
import { drawnFor } from './ownership.ts'
import type { Touch } from './touches.ts'

/** Why somebody may not do this; nothing: he may. `visible`: documents that he sees. */
export function findForeign(touches: readonly Touch[], access: Pick<Access, 'may' | 'organisations' | 'everywhere'>, visible: ReadonlySet<string>): Problem[] {
  if (access.everywhere.has('flows.write')) return []
  const own = drawnFor(access)
  return touches.flatMap((touch): Problem[] => {
    const { before, after, node } = touch
    const sides = [before, after].flatMap((document) => (document ? [organisationOf(document)] : []))
    if (sides.every((organisation) => access.may('flows.write', organisation))) return []
    const flow = (after ?? before)!
    const hidden = before !== undefined && !visible.has(before.id)
    const place = hidden ? {} : { flow: flow.id, ...(node === undefined ? {} : { node }) }
    return [{ severity: 'error', code: isHomeless(touch) ? 'deploy.no_organisation' : 'deploy.not_yours', ...place, ...(hidden ? unseen : toSentences(touch, access, own)) }]
  })
}

const unseen = { message: 'This changes a flow of another organisation.', remedy: 'Ask somebody who may change it.' }

const isHomeless = ({ before, after }: Touch) => before === undefined && after !== undefined && after.kind !== 'global' && organisationOf(after) === undefined

function toSentences(touch: Touch, access: Pick<Access, 'may'>, own: readonly string[]): { readonly message: string; readonly remedy: string } {
  const { before, after } = touch
  const flow = (after ?? before)!
  const name = flow.kind === 'subflow' ? `The subflow “${flow.label}”` : `“${flow.label}”`
  if (flow.kind === 'global') {
    return { message: 'Config nodes of no flow are shared by all: you may not change them.', remedy: 'Undo it, or choose your own flow as the scope of the config node in its dialog.' }
  }
  if (isHomeless(touch)) {
    return { message: `${name} says not whose it is, and you draw for ${own.join(', ')}.`, remedy: `Set SLUICE_ORGANISATION to one of them among the environment variables in its dialog.` }
  }
  const [from, to] = [before && organisationOf(before), after && organisationOf(after)]
  if (before && after && from !== to && access.may('flows.write', from)) {
    return to === undefined
      ? { message: `${name} belongs to the organisation ${from}: you may not take it out.`, remedy: `Set SLUICE_ORGANISATION to ${from} again among the environment variables in its dialog.` }
      : { message: `${name} was put into the organisation ${to}, for which you do not draw.`, remedy: `Set SLUICE_ORGANISATION to ${own.join(' or ')} in its dialog.` }
  }
  const whose = before ? from : to
  const owner = whose === undefined ? 'belongs to no organisation' : `belongs to the organisation ${whose}`
  const act = !before ? 'add it' : !after ? 'delete it' : 'change it'
  return { message: `${name} ${owner}: you may not ${act}.`, remedy: before ? 'Undo it, or ask somebody who may.' : `Set SLUICE_ORGANISATION to ${own.join(' or ')} in its dialog.` }
}
