import type { Log } from '../../runtime/core/log.ts'
import type { SigningKey, SigningKeyStore } from '../oauth-contract.ts'
import type { Tables } from '../store/tables.ts'
import type { Sealer } from './sealer.ts'

const keysKey = 'oauth.keys'

/** Keeps the keys sealed in the store; processes that share it agree on them. */
export function createSigningKeyStore({ meta }: Pick<Tables, 'meta'>, sealer: Sealer, log: Log): SigningKeyStore {
  return {
    async load() {
      const sealed = await meta.get(keysKey)
      const text = sealed === undefined ? undefined : sealer.open(sealed, keysKey)
      if (sealed === undefined) return undefined
      if (text === undefined) log.error({}, 'the keys that tokens were signed with are sealed under another credential key; new ones take their place')
      return { sealed, keys: text === undefined ? [] : (JSON.parse(text) as SigningKey[]) }
    },
    save(next, before) {
      const sealed = sealer.seal(JSON.stringify(next), keysKey)
      return before ? meta.exchange(keysKey, before.sealed, sealed) : meta.add(keysKey, sealed)
    },
  }
}
