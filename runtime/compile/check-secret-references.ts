import type { EditorNode, FlowDocument, Problem } from '../core/flow.ts'
import type { NodeDefinition } from '../core/node.ts'
import { hasMalformedReference, mentionsSecret, textsOf } from '../core/secrets/secret-reference.ts'
import { ownProperties } from './own-properties.ts'
import { mapSecretTexts, secretPropertiesOf } from './secret-places.ts'

/**
 * Finds references to secrets that cannot be read, or stand where none is put in: what a message, a person or an isolate would get to see.
 * Their names are of no interest here; only the vault knows which there are.
 */
export function checkSecretReferences(node: EditorNode, definition: NodeDefinition | undefined, document: FlowDocument): Problem[] {
  if (node.type === 'comment') return []
  const properties = ownProperties(node)
  const fit = new Set<string>()
  if (definition) {
    mapSecretTexts(definition, properties, (text, place) => {
      fit.add(place)
      return text
    })
  }
  // A variable of type credential keeps its value apart from the flow; in a text that was not deployed yet it may still be here.
  if (Array.isArray(node.env)) for (const [at, entry] of node.env.entries()) if ((entry as { type?: unknown } | null)?.type === 'cred') fit.add(`env.${at}.value`)
  const problems = new Map<string, Problem>()
  for (const [place, text] of textsOf(properties)) {
    if (!mentionsSecret(text)) continue
    const property = place.split('.', 1)[0] as string
    const told = hasMalformedReference(text) ? malformedReference(document.id, node, property) : fit.has(place) ? undefined : misplaced(document.id, node, property, definition)
    if (told && !problems.has(property)) problems.set(property, told)
  }
  return [...problems.values()]
}

/** A reference that cannot be read. What it says is not repeated: it may be the secret. */
export function malformedReference(flow: string, { id, type }: Pick<EditorNode, 'id' | 'type'>, property: string): Problem {
  return {
    severity: 'error', code: 'secret.malformed', flow, ...onCanvas(type, id), property,
    message: `“${property}” of ${title(type)} refers to a secret by something that is no name.`,
    remedy: 'Write {{secret:name}}: a name is a small letter or digit, then up to 63 small letters, digits, dots, hyphens and underscores.',
  }
}

function misplaced(flow: string, { id, type }: EditorNode, property: string, definition: NodeDefinition | undefined): Problem {
  const own = definition ? secretPropertiesOf(definition) : []
  const here = [...Object.keys(definition?.credentials ?? {}).map((name) => `its credential “${name}”`), ...own.map((name) => `texts in its “${name}”`)]
  const where = here.length === 0 ? 'in credentials of a node' : `in ${here.join(', ')}`
  return {
    severity: 'error', code: 'secret.misplaced', flow, ...onCanvas(type, id), property,
    message: `A secret cannot be referred to in “${property}” of ${title(type)}: it would be seen by messages and by people.`,
    remedy: `Refer to it ${where}, or in a variable of type credential.`,
  }
}

function onCanvas(type: string, id: string): { node?: string } {
  return type === 'tab' || type === 'subflow' ? {} : { node: id }
}

function title(type: string): string {
  return type === 'tab' ? 'the tab' : type === 'subflow' ? 'the subflow' : `the ${type} node`
}
