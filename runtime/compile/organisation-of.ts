import type { FlowDocument } from '../core/flow.ts'
import { tabProperties, tabProperty } from '../core/tab-properties.ts'

/** The organisation that a tab or subflow names; `undefined`: nobody's, as the global config nodes always are. */
export function organisationOf({ kind, nodes: [head] }: Pick<FlowDocument, 'kind' | 'nodes'>): string | undefined {
  return kind === 'global' || head === undefined ? undefined : tabProperty(head, tabProperties.organisation)
}
