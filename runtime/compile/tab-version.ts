import type { EditorNode, FlowDocument, Problem } from '../core/flow.ts'
import { tabProperties, tabProperty } from '../core/tab-properties.ts'
import { isVersion } from '../core/access/version-order.ts'

/** The version of the API that a tab serves, as its environment says it; `undefined` when it says none, or none that can be. */
export function tabVersion(document: FlowDocument): string | undefined {
  const [tab] = document.nodes
  const version = tab?.type === 'tab' ? tabProperty(tab, tabProperties.apiVersion) : undefined
  return version !== undefined && isVersion(version) ? version : undefined
}

/** A version that cannot be one, or that is worked out: callers write it in a header, so it is a plain text. */
export function checkTabVersion(node: EditorNode, document: FlowDocument): Problem[] {
  if (node.type !== 'tab' || !Array.isArray(node.env)) return []
  const name = tabProperties.apiVersion
  const entry = node.env.find((one: unknown): one is Record<string, unknown> => (one as { name?: unknown } | null)?.name === name)
  if (!entry || String(entry.value ?? '').trim() === '') return []
  const version = tabProperty(node, name)
  if (version !== undefined && isVersion(version)) return []
  return [{
    severity: 'error', code: 'tab.version', flow: document.id, property: 'env',
    message: `The variable “${name}” of the tab “${document.label}” holds no version: ${version === undefined ? 'it is not a plain text' : `“${version.slice(0, 60)}” cannot be one`}.`,
    remedy: 'Write it as a string such as v2, 2.1 or 2026-01-31: it begins with a letter or digit; letters, digits and . _ - follow, 32 at most.',
  }]
}
