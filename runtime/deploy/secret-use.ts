import type { AssembledFlow } from '../compile/assemble.ts'
import { malformedReference } from '../compile/check-secret-references.ts'
import type { Estate } from '../compile/flow.ts'
import { organisationOf } from '../compile/organisation-of.ts'
import { mapSecretTexts } from '../compile/secret-places.ts'
import type { Problem } from '../core/flow.ts'
import type { Credentials } from '../core/release.ts'
import { hasMalformedReference, mentionsSecret, secretsIn, textsOf } from '../core/secrets/secret-reference.ts'
import { mayUseVaultName } from '../core/secrets/vault-name.ts'
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
  const mentioned = new WeakMap<Credentials, ReadonlySet<string>>()
  return (assembled, estate, credentials) => {
    let own = drawn.get(assembled)
    if (!own) drawn.set(assembled, (own = drawnUse(assembled)))
    let ids = mentioned.get(credentials)
    if (!ids) mentioned.set(credentials, (ids = new Set(Object.keys(credentials).filter((id) => mentions(credentials[id])))))
    return secretUseOf(assembled, estate, credentials, own, ids)
  }
}

type DrawnUse = readonly (readonly [name: string, place: SecretPlace])[]

/** @param ids whose credentials refer to secrets, in any flow */
function secretUseOf(assembled: AssembledFlow, estate: Estate, credentials: Credentials, own: DrawnUse, ids: ReadonlySet<string>): SecretUse {
  const places = new Map<string, SecretPlace>()
  const problems: Problem[] = []
  if (ids.size > 0) {
    for (const id of credentialIds(assembled, estate)) {
      if (!ids.has(id)) continue
      const { flow, type, organisation } = ownerOf(id, assembled, estate)
      for (const [property, text] of textsOf(credentials[id])) {
        if (!mentionsSecret(text)) continue
        if (hasMalformedReference(text)) problems.push(malformedReference(flow, { id, type }, property))
        const place = { flow, ...(type === 'tab' || type === 'subflow' ? {} : { node: id }), property }
        for (const name of secretsIn(text)) {
          if (!mayUseVaultName(organisation, name)) problems.push(foreignSecret(name, organisation as string, place))
          if (!places.has(name)) places.set(name, place)
        }
      }
    }
  }
  for (const [name, place] of own) {
    const organisation = organisationAt(place.flow, estate)
    if (!mayUseVaultName(organisation, name)) problems.push(foreignSecret(name, organisation as string, place))
    if (!places.has(name)) places.set(name, place)
  }
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

/** Where a node lies, and whose that is. */
function ownerOf(id: string, { flow }: AssembledFlow, { records, global, subflows }: Estate): { flow: string; type: string; organisation: string | undefined } {
  const type = records.get(id)?.type ?? 'node'
  const found = [global, ...subflows.values()].find((document) => document?.nodes.some((node) => node.id === id)) ?? flow.document
  return { flow: found.id, type, organisation: organisationOf(found) }
}

function organisationAt(flow: string, { documents }: Estate): string | undefined {
  const document = documents.find(({ id }) => id === flow)
  return document && organisationOf(document)
}

function foreignSecret(name: string, organisation: string, place: SecretPlace): Problem {
  return {
    severity: 'error', code: 'secret.foreign', ...place, message: `The flow is of the organisation “${organisation}”, and the secret “${name}”, to which “${place.property}” refers, is not.`,
    remedy: `Secrets of this organisation are called ${organisation}.name, with no other dot: have it put into the vault under such a name.`,
  }
}
