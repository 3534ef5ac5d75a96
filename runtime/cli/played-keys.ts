import { createCipheriv, createHash, createHmac } from 'node:crypto'
import { sealGcm } from '../../vault/keys/aes-gcm.ts'
import { fromBase64url, toBase64url } from '../../vault/keys/base64url.ts'
import { toContentTypeHeader } from '../../vault/keys/jose-header.ts'
import { askKey } from '../../vault/keys/key-asks.ts'
import { toKeyId } from '../../vault/keys/key-id.ts'
import type { ShelvedKey } from '../../vault/keys/key-shelf.ts'
import { toKeyVersion } from '../../vault/keys/material.ts'
import type { KeyAlgorithm, KeyKind } from '../../vault/words/key-kinds.ts'
import { Fault } from '../core/fault.ts'
import type { FaultCode } from '../core/faults.ts'
import type { CryptoAsk, VaultAnswer } from '../core/secrets/vault.ts'

export const played = 'played:'
const version = 1
const createdAt = '2000-01-01T00:00:00.000Z'

/**
 * The keys of cases: there is one of every name, whatever the vault has, and it protects nothing, being made of the name. What is encrypted is
 * in the form that was asked for, under AES-256, and the same value gives the same text every time, so that a case can expect it; what is
 * signed is under HMAC-SHA-256, whatever kind the real key is of. `played:X` opens to X and is a signed X; a detached signature `played` fits.
 */
export async function askPlayedKey(ask: CryptoAsk): Promise<VaultAnswer> {
  const { key: name } = ask
  const signs = ask.do === 'sign' || ask.do === 'check'
  const key = playedKey(name, signs ? 'hmac-256' : 'aes-256', signs ? 'HS256' : 'A256GCM')
  const given = ask.do === 'decrypt' || (ask.do === 'check' && ask.form === 'jws') ? ask.data : undefined
  if (given?.startsWith(played)) {
    const data = toBase64url(Buffer.from(given.slice(played.length)))
    return ask.do === 'check' ? { valid: true, version, data } : { data, version }
  }
  if (ask.do === 'check' && ask.form === 'jws-detached' && ask.signature === played.slice(0, -1)) return { valid: true, version }
  try {
    // The kind of the real key is known to nobody here: what it must be is not checked.
    if (ask.do === 'encrypt') return { data: encrypt(name, ask), version }
    const { algorithm: _, ...rest } = ask as CryptoAsk & { readonly algorithm?: string }
    return await askKey(key, rest)
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    return { fault: thrown.code as FaultCode, facts: thrown.facts as Readonly<Record<string, string | number>> }
  }
}

function playedKey(name: string, kind: KeyKind, algorithm: KeyAlgorithm): ShelvedKey {
  const facts = { kind, algorithm, state: 'active' as const, current: version, versions: [{ version, createdAt, state: 'active' as const }], by: 'cases' }
  return { name, facts, record: { kind: 'key', name, version, facts }, versions: () => Promise.resolve(new Map([[version, toKeyVersion(name, version, facts, materialOf(name))]])) }
}

function materialOf(name: string): Buffer {
  return createHash('sha256').update(`${played}${name}`).digest()
}

/** As the vault writes it, but for the nonce: it follows from what is encrypted. */
function encrypt(name: string, { form, data, aad, contentType }: Extract<CryptoAsk, { do: 'encrypt' }>): string {
  const plain = fromBase64url(data) ?? Buffer.alloc(0)
  const bound = fromBase64url(aad ?? '') ?? Buffer.alloc(0)
  const material = materialOf(name)
  const nonce = createHmac('sha256', material).update(JSON.stringify([form, contentType, aad])).update(plain).digest().subarray(0, 12)
  if (form === 'aes-gcm') return sealGcm(toKeyVersion(name, version, { kind: 'aes-256', algorithm: 'A256GCM' }, material), plain, bound, contentType ?? '', nonce)
  const head = toBase64url(Buffer.from(JSON.stringify({ alg: 'dir', enc: 'A256GCM', kid: toKeyId(name, version), ...toContentTypeHeader(contentType) })))
  const cipher = createCipheriv('aes-256-gcm', material, nonce).setAAD(Buffer.from(head, 'ascii'))
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  return `${head}..${toBase64url(nonce)}.${toBase64url(sealed)}.${toBase64url(cipher.getAuthTag())}`
}
