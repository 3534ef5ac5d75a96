import { randomBytes } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'
import { signingAlgorithm, type SigningKey, type SigningKeyStore } from '../control/oauth-contract.ts'

const dayMs = 86_400_000
/** How old a key gets before another takes its place. */
const rotateMs = 30 * dayMs
/** How long the next key is published before it signs: whoever keeps keys has it by then. */
const aheadMs = dayMs
/** How long a key is published after the last token was signed with it: longer than any token lasts. */
const keepMs = 2 * dayMs

/** The keys to publish, the one that signs first. What is due is made and put away; processes that share a store agree. */
export async function loadSigningKeys(store: SigningKeyStore, nowMs: number): Promise<readonly SigningKey[]> {
  for (;;) {
    const saved = await store.load()
    const { keys, missing } = settleKeys(saved?.keys ?? [], nowMs)
    if (!missing && keys.length === saved?.keys.length) return orderKeys(keys, nowMs)
    const next = missing ? [...keys, await makeKey(nowMs)] : keys
    if (await store.save(next, saved)) return orderKeys(next, nowMs)
  }
}

/** Which keys stay, and whether one more is due. In order of age, oldest first. */
function settleKeys(keys: readonly SigningKey[], nowMs: number): { readonly keys: readonly SigningKey[]; readonly missing: boolean } {
  const sorted = [...keys].sort((a, b) => a.createdAtMs - b.createdAtMs)
  const kept = sorted.filter((_, place) => {
    const successor = sorted[place + 1]
    return !successor || nowMs < successor.createdAtMs + aheadMs + keepMs
  })
  const newest = kept.at(-1)
  return { keys: kept, missing: !newest || nowMs >= newest.createdAtMs + rotateMs }
}

/** The newest that has been published long enough signs; the only one does at once. */
function orderKeys(keys: readonly SigningKey[], nowMs: number): readonly SigningKey[] {
  const signer = keys.findLast(({ createdAtMs }) => nowMs >= createdAtMs + aheadMs) ?? keys[0]
  return signer ? [signer, ...keys.filter((key) => key !== signer)] : []
}

async function makeKey(nowMs: number): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair(signingAlgorithm, { modulusLength: 2048, extractable: true })
  const kid = randomBytes(12).toString('base64url')
  return { kid, createdAtMs: nowMs, jwk: { ...(await exportJWK(privateKey)), kid, use: 'sig', alg: signingAlgorithm } }
}
