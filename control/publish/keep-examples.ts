import { checkPastedSecrets } from '../../runtime/compile/check-pasted-secrets.ts'
import type { EditorNode, Problem } from '../../runtime/core/flow.ts'
import { tabProperties } from '../../runtime/core/tab-properties.ts'
import type { GeneratedFlow } from './to-nodes.ts'

/**
 * Documents show tokens and keys in their examples, for all who read them. The flow says that these are none, so that it can be
 * deployed, and whoever registers the API is warned of each.
 */
export function keepExamples(generated: GeneratedFlow): { readonly flow: GeneratedFlow; readonly warnings: readonly Problem[] } {
  const { tab, nodes } = generated
  const found = checkPastedSecrets({ id: tab.id, kind: 'tab', label: String(tab['label']), nodes: [...nodes] }, 'warning')
  if (found.length === 0) return { flow: generated, warnings: [] }
  const places = found.map(({ node, property }) => `${node}/${property}`).join(',')
  const env = [...(tab['env'] as readonly unknown[]), { name: tabProperties.notSecret, value: places, type: 'str' }]
  return {
    flow: { ...generated, tab: { ...tab, env } as EditorNode },
    warnings: found.map((one) => ({ ...one, remedy: 'Fine for an example that was made up. Take a real one out of the document, and have a new one made: this one is known.' })),
  }
}
