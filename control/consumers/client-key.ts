import { randomBytes } from 'node:crypto'
import type { Log } from '../../runtime/core/log.ts'
import { seal, unseal } from '../../runtime/core/secrets/seal.ts'
import type { SealingKey } from '../keys/key-files.ts'
import type { Tables } from '../store/tables.ts'

const metaKey = 'clients.key'

/**
 * The key under which callers' signing secrets are sealed for all gateways alike. It lies in the store, itself sealed under
 * the key of credentials, and is sealed anew when that one changed.
 */
export async function loadClientKey(tables: Pick<Tables, 'meta'>, keys: { current: SealingKey; older: readonly SealingKey[] }, log: Log): Promise<Buffer> {
  const stored = await tables.meta.get(metaKey)
  const save = async (key: Buffer) => {
    await tables.meta.set(metaKey, `${keys.current.id}:${seal(keys.current.key, key.toString('base64'), metaKey)}`)
    return key
  }
  if (stored === undefined) return await save(randomBytes(32))
  const [id, sealed = ''] = stored.split(':')
  const sealing = [keys.current, ...keys.older].find((one) => one.id === id)
  try {
    if (!sealing) throw new Error('sealed under another key')
    const key = Buffer.from(unseal(sealing.key, sealed, metaKey), 'base64')
    return sealing === keys.current ? key : await save(key)
  } catch {
    log.error({}, 'signing secrets of callers were sealed under another credential key and cannot be read; restore that key, or give the callers new secrets')
    return await save(randomBytes(32))
  }
}
