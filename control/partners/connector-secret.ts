import { seal, unseal } from '../../runtime/core/secrets/seal.ts'
import type { Connector } from '../contract.ts'
import type { SealingKey } from '../keys/key-files.ts'
import { originOf } from './kind.ts'

export interface SecretKeys {
  readonly current: SealingKey
  readonly older: readonly SealingKey[]
}

type Whose = Pick<Connector, 'id' | 'url'>

/** A secret opens for its connector and origin only: a changed address does not get it. */
const about = ({ id, url }: Whose) => `connector ${id} ${originOf(url)}`

/** What a connector shows to its service, as the store keeps it. */
export function sealSecret({ current }: SecretKeys, whose: Whose, secret: string): string {
  return `${current.id}:${seal(current.key, secret, about(whose))}`
}

/** @returns `undefined` when there is none, or none that opens here */
export function openSecret({ current, older }: SecretKeys, whose: Whose, sealed: string | null): string | undefined {
  const [keyId, text = ''] = (sealed ?? '').split(':')
  const key = [current, ...older].find((one) => one.id === keyId)
  try {
    return key && unseal(key.key, text, about(whose))
  } catch {
    return undefined
  }
}
