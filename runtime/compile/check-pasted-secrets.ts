import type { EditorNode, FlowDocument, Problem } from '../core/flow.ts'
import { tabProperties, tabProperty } from '../core/tab-properties.ts'
import { nameOf } from './check-document.ts'
import { isSecretName, looksSecret, namedSecretIn, secretKindIn } from './secret-formats.ts'

/** Properties that say where a node is and what it is joined to. */
const notLooked = new Set(['id', 'type', 'z', 'x', 'y', 'w', 'h', 'g', 'd', 'l', 'wires', 'nodes', 'links', 'credentials', 'in', 'out', 'icon', 'color', '_alias', '_users'])
/** What people write for people: what has a known format is found there, what only has a telling name is not looked for. */
const prose = new Set(['info', 'name', 'label', 'meta'])
const deepest = 20

/** Siblings by which a value in a list gets its name, and the value: rows of headers, rules of a change node, variables. */
const naming = [
  { name: 'name', value: 'value', type: 'valueType' },
  { name: 'name', value: 'value', type: 'type' },
  { name: 'key', value: 'value', type: 'type' },
  { name: 'keyValue', value: 'valueValue', type: 'valueType' },
  { name: 'keyType', value: 'valueValue', type: 'valueType' },
  { name: 'p', value: 'to', type: 'tot' },
  { name: 'p', value: 'v', type: 'vt' },
] as const
/** Types of values that are written out. */
const literal = new Set([undefined, 'str', 'other', 'json', 'bin'])

/**
 * Finds secrets that were pasted into a flow, where everybody who may read flows, every export and every release has them: by the formats of
 * well-known services, and by their randomness in places that are named like a secret. Credentials are looked at by nobody; they are kept apart.
 * What the environment of the tab lists in `SLUICE_NOT_SECRET` (`node/property`, separated by commas) is passed over. Says the kind and the place,
 * never what stands there.
 */
export function checkPastedSecrets(document: FlowDocument, severity: 'error' | 'warning' = 'error'): Problem[] {
  const allowed = notSecretOf(document)
  return document.nodes.flatMap((node) => {
    const found = new Map<string, string>()
    for (const [property, value] of Object.entries(node)) {
      if (notLooked.has(property) || allowed.has(`${node.id}/${property}`)) continue
      const kind = kindIn(value, prose.has(property) || node.type === 'comment' ? undefined : property, 0)
      if (kind !== undefined) found.set(property, kind)
    }
    return [...found].map(([property, kind]) => toProblem(document, node, property, kind, severity))
  })
}

/** What the environment of a tab, of a template or of the global config says of places that hold no secret: `node/property`. */
export function notSecretOf(document: FlowDocument): ReadonlySet<string> {
  const texts = document.nodes.filter(({ type }) => type === 'tab' || type === 'subflow' || type === 'global-config').map((node) => tabProperty(node, tabProperties.notSecret) ?? '')
  return new Set(texts.flatMap((text) => text.split(',')).map((text) => text.trim()).filter((text) => text !== ''))
}

/** @param name what the value goes by; absent: it is prose */
function kindIn(value: unknown, name: string | undefined, depth: number): string | undefined {
  if (typeof value === 'string') {
    const known = secretKindIn(value)
    if (known !== undefined || name === undefined) return known
    if (isSecretName(name) && looksSecret(value)) return `a value that looks random, by the name “${shown(name)}”`
    const inner = value.length >= 20 ? namedSecretIn(value) : undefined
    return inner === undefined ? undefined : `a value that looks random, by the name “${shown(inner)}”`
  }
  if (value === null || typeof value !== 'object' || depth > deepest) return undefined
  if (!Array.isArray(value)) {
    const row = value as Readonly<Record<string, unknown>>
    if (row['type'] === 'cred') return undefined // a variable that is kept with the credentials, in a file that was not deployed yet
    for (const { name: by, value: of, type } of naming) {
      const [own, text] = [row[by], row[of]]
      if (own === tabProperties.notSecret) return undefined // names places, and has SECRET in its own name
      if (typeof own !== 'string' || typeof text !== 'string' || !literal.has(row[type] as string | undefined)) continue
      const last = own.split(/[.[\]"']+/).findLast((part) => part !== '') ?? own
      if (isSecretName(last) && looksSecret(text)) return `a value that looks random, by the name “${shown(last)}”`
    }
  }
  for (const [key, inner] of Object.entries(value)) {
    const kind = kindIn(inner, name === undefined ? undefined : Array.isArray(value) ? name : key, depth + 1)
    if (kind !== undefined) return kind
  }
  return undefined
}

/** A name is shown short: whoever pasted a secret may have pasted it there. */
function shown(name: string): string {
  return name.length <= 40 ? name : `${name.slice(0, 20)}…`
}

function toProblem(document: FlowDocument, node: EditorNode, property: string, kind: string, severity: Problem['severity']): Problem {
  const isTab = node.type === 'tab' || node.type === 'subflow'
  const home = { tab: 'the environment of the tab', subflow: 'the environment of the subflow', global: 'the global environment' }[document.kind]
  return {
    severity, code: 'secret.pasted', flow: document.id, ...(isTab ? {} : { node: node.id }), property,
    message: `${isTab ? `The tab “${document.label}”` : nameOf(node)} holds ${kind} in “${property}”, where everybody who reads the flow and every export has it.`,
    remedy: `Keep it in credentials or in the vault, as {{secret:name}}, and have a new one made: this one is known. If it is none, add ${node.id}/${property} to ${tabProperties.notSecret} in ${home}.`,
  }
}
