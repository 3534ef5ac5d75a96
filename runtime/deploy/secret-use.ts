import type { AssembledFlow } from '../compile/assemble.ts'
import { malformedReference } from '../compile/check-secret-references.ts'
import type { Estate } from '../compile/flow.ts'
import { mapSecretTexts } from '../compile/secret-places.ts'
import type { Problem } from '../core/flow.ts'
import type { Credentials } from '../core/release.ts'
import { hasMalformedReference, mentionsSecret, secretsIn, textsOf } from '../core/secret-reference.ts'
import { credentialIds } from './pipeline-key.ts'

/** Which secrets a flow refers to, and where. */
export interface SecretUse {
  /** By name, in order: the first place of each, to be painted. */
  readonly places: ReadonlyMap<string, SecretPlace>
  /** References that cannot be read. */
  readonly problems: readonly Problem[]
}

export interface SecretPlace {
  readonly flow: string
  readonly node?: string
  readonly property: string
}

const none: SecretUse = { places: new Map(), problems: [] }

export type SecretUseOf = (assembled: AssembledFlow, estate: Estate, credentials: Credentials) => SecretUse

/** Finds the secrets that a flow refers to in its credentials, those of config nodes and variables included, and in its nodes. */
export function createSecretUses(): SecretUseOf {
  // What is drawn says the same for as long as its flow is the same.
  const drawn = new WeakMap<AssembledFlow, DrawnUse>()
  return (assembled, estate, credentials) => {
    let own = drawn.get(assembled)
    if (!own) drawn.set(assembled, (own = drawnUse(assembled)))
    return secretUseOf(assembled, estate, credentials, own)
  }
}

type DrawnUse = readonly (readonly [name: string, place: SecretPlace])[]

function secretUseOf(assembled: AssembledFlow, estate: Estate, credentials: Credentials, own: DrawnUse): SecretUse {
  const places = new Map<string, SecretPlace>()
  const problems: Problem[] = []
  if (Object.values(credentials).some(mentions)) {
    for (const id of credentialIds(assembled, estate)) {
      if (!Object.hasOwn(credentials, id) || !mentions(credentials[id])) continue
      const { flow, type } = ownerOf(id, assembled, estate)
      for (const [property, text] of textsOf(credentials[id])) {
        if (!mentionsSecret(text)) continue
        if (hasMalformedReference(text)) problems.push(malformedReference(flow, { id, type }, property))
        const place = { flow, ...(type === 'tab' || type === 'subflow' ? {} : { node: id }), property }
        for (const name of secretsIn(text)) if (!places.has(name)) places.set(name, place)
      }
    }
  }
  for (const [name, place] of own) if (!places.has(name)) places.set(name, place)
  if (places.size === 0 && problems.length === 0) return none
  return { places: new Map([...places].toSorted(([a], [b]) => (a < b ? -1 : 1))), problems }
}

function mentions(credentials: unknown): boolean {
  for (const [, text] of textsOf(credentials)) if (mentionsSecret(text)) return true
  return false
}

function drawnUse(assembled: AssembledFlow): DrawnUse {
  const places: [string, SecretPlace][] = []
  for (const node of assembled.flow.nodes.values()) {
    if (!node.definition) continue
    mapSecretTexts(node.definition, node.properties, (text, place) => {
      for (const name of secretsIn(text)) places.push([name, { ...node.origin, property: place.split('.', 1)[0] as string }])
      return text
    })
  }
  return places
}

function ownerOf(id: string, { flow }: AssembledFlow, { records, global, subflows }: Estate): { flow: string; type: string } {
  const type = records.get(id)?.type ?? 'node'
  if (global?.nodes.some((node) => node.id === id)) return { flow: global.id, type }
  for (const [template, document] of subflows) if (document.nodes.some((node) => node.id === id)) return { flow: template, type }
  return { flow: flow.document.id, type }
}
