import type { EditorNode, FlowDocument, Problem } from '../core/flow.ts'
import type { Priority } from '../core/lines/priority.ts'
import { tabProperties, tabProperty } from '../core/tab-properties.ts'

const digit = /^[0-9]$/

/** How important requests to a tab are at least, as its environment says it; `undefined` when it says nothing that can be. */
export function tabPriority(document: FlowDocument): Priority | undefined {
  const [tab] = document.nodes
  const value = tab?.type === 'tab' ? tabProperty(tab, tabProperties.priority) : undefined
  return value !== undefined && digit.test(value) ? (Number(value) as Priority) : undefined
}

/** A priority that is none, or that is worked out: it has to be known before the flow begins. */
export function checkTabPriority(node: EditorNode, document: FlowDocument): Problem[] {
  if (node.type !== 'tab' || !Array.isArray(node.env)) return []
  const name = tabProperties.priority
  const entry = node.env.find((one: unknown): one is Record<string, unknown> => (one as { name?: unknown } | null)?.name === name)
  if (!entry || String(entry.value ?? '').trim() === '' || tabPriority(document) !== undefined) return []
  return [{
    severity: 'error', code: 'tab.priority', flow: document.id, property: 'env',
    message: `The variable “${name}” of the tab “${document.label}” holds no priority.`,
    remedy: 'Write it as a string: one digit from 0, the most important, to 9.',
  }]
}
