import type { Key } from '../contract.ts'
import { toKeyId } from './key-id.ts'
import type { ShelvedKey } from './key-shelf.ts'
import { isSigning } from '../words/key-kinds.ts'

/** The public halves of active versions as a JWK set (RFC 7517 §5), the current version of each key first. */
export async function toPublicSet(keys: readonly ShelvedKey[]): Promise<{ keys: readonly Readonly<Record<string, unknown>>[] }> {
  const active = keys.filter(({ facts }) => facts.state === 'active').sort((a, b) => (a.name < b.name ? -1 : 1))
  const each = await Promise.all(active.map(async (key) => {
    const opened = await key.versions()
    return order(key.facts).flatMap(({ version }) => {
      const found = opened.get(version)
      if (!found) return []
      const { algorithm } = key.facts
      return [{ ...found.other.export({ format: 'jwk' }), use: isSigning(algorithm) ? 'sig' : 'enc', alg: algorithm, kid: toKeyId(key.name, version) }]
    })
  }))
  return { keys: each.flat() }
}

function order({ current, versions }: Pick<Key, 'current' | 'versions'>) {
  return versions.filter(({ state }) => state === 'active').sort((a, b) => (a.version === current ? -1 : b.version === current ? 1 : b.version - a.version))
}
