import type { EditorNode } from '../../runtime/core/flow.ts'
import { tabProperties } from '../../runtime/core/tab-properties.ts'
import type { Access } from '../consumers/rights.ts'

/** What is asked of somebody's rights where flows are concerned. */
export type FlowAccess = Pick<Access, 'everywhere' | 'organisations' | 'may'>

/** Organisations that somebody may draw for. */
export function drawnFor(access: FlowAccess): string[] {
  return [...access.organisations].filter(([, rights]) => rights.has('flows.write')).map(([id]) => id)
}

/** Whether somebody has the right on any flow at all. */
export function hasAnywhere(access: FlowAccess, right: 'flows.read' | 'flows.write'): boolean {
  return access.everywhere.has(right) || [...access.organisations.values()].some((rights) => rights.has(right))
}

/** Whether somebody may see what is drawn for an organisation; what is nobody's is for all who see flows. */
export function maySeeFlowsOf(access: Pick<FlowAccess, 'may'>, organisation: string | undefined): boolean {
  return organisation === undefined || access.may('flows.read', organisation)
}

/** A tab or subflow with the organisation written into it; in a subflow hidden from the forms of its instances. */
export function withOrganisation(head: EditorNode, organisation: string): EditorNode {
  const entry = { name: tabProperties.organisation, value: organisation, type: 'str', ...(head.type === 'subflow' ? { ui: { type: 'hide' } } : {}) }
  const others = (Array.isArray(head.env) ? (head.env as unknown[]) : []).filter((one) => (one as { name?: unknown } | null)?.name !== tabProperties.organisation)
  return { ...head, env: [...others, entry] }
}
