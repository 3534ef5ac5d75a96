import { fault } from '../../runtime/core/fault.ts'
import type { CryptoAsk, VaultAnswer } from '../../runtime/core/secrets/vault.ts'
import { openGcm, parseGcm, sealGcm } from './aes-gcm.ts'
import { fromBase64url, toBase64url } from './base64url.ts'
import { keyManagements, openJwe, parseJwe, sealJwe } from './jwe.ts'
import { parseJws, signDetached, signJws, verifyJws } from './jws.ts'
import { versionOfKeyId } from './key-id.ts'
import type { ShelvedKey } from './key-shelf.ts'
import { isSigning } from '../words/key-kinds.ts'
import type { KeyVersion } from './material.ts'
import { signRaw, verifyRaw } from './raw-signature.ts'

/** Versions that are tried, newest first, on a text that does not say which: each costs an operation. */
const triedAtMost = 8

type Ask<Do extends CryptoAsk['do']> = Extract<CryptoAsk, { do: Do }>

/** Does what is asked with a key that is there. @throws Fault key.disabled, key.unfit, crypto.invalid */
export function askKey(key: ShelvedKey, ask: CryptoAsk): Promise<VaultAnswer> {
  if (key.facts.state !== 'active') throw fault('key.disabled', { key: key.name })
  const signs = ask.do === 'sign' || ask.do === 'check'
  if (signs !== isSigning(key.facts.algorithm)) throw unfit(key, signs ? 'it is for encrypting' : 'it is for signing')
  switch (ask.do) {
    case 'encrypt':
      return encrypt(key, ask)
    case 'decrypt':
      return decrypt(key, ask)
    case 'sign':
      return sign(key, ask)
    case 'check':
      return check(key, ask)
    default:
      throw fault('key.unfit', { key: key.name, reason: 'it is asked for something that keys do not do' })
  }
}

async function encrypt(key: ShelvedKey, { form, data, aad, contentType, keyManagement }: Ask<'encrypt'>): Promise<VaultAnswer> {
  const plain = bytesOf(data)
  if (form === 'aes-gcm') {
    if (key.facts.algorithm !== 'A256GCM') throw unfit(key, 'AES-GCM takes an AES key')
    const version = await current(key)
    return { data: sealGcm(version, plain, aadOf(aad), contentType ?? ''), version: version.version }
  }
  if (form !== 'jwe') throw unfit(key, 'it encrypts as jwe or aes-gcm')
  if (aad !== undefined) throw unfit(key, 'a compact JWE takes no additional data')
  const takes = keyManagements(key.facts)
  const management = keyManagement ?? (takes[0] as string)
  if (!takes.includes(management)) throw unfit(key, `its key management is ${takes.join(' or ')}`)
  const version = await current(key)
  return { data: await sealJwe(version, plain, management, contentType), version: version.version }
}

async function decrypt(key: ShelvedKey, { form, data, aad }: Ask<'decrypt'>): Promise<VaultAnswer> {
  if (typeof data !== 'string') throw fault('crypto.invalid')
  if (form === 'aes-gcm') {
    if (key.facts.algorithm !== 'A256GCM') throw unfit(key, 'AES-GCM takes an AES key')
    const text = parseGcm(data)
    const additional = aadOf(aad)
    return opened(text && (await candidates(key, text.version)), (version) => openGcm(version, text as NonNullable<typeof text>, additional))
  }
  if (form !== 'jwe') throw unfit(key, 'it decrypts jwe or aes-gcm')
  if (aad !== undefined) throw unfit(key, 'a compact JWE takes no additional data')
  const header = parseJwe(data)
  const isTaken = header !== undefined && keyManagements(key.facts).includes(header.alg as string)
  return opened(isTaken ? await named(key, header.kid) : undefined, (version) => openJwe(version, data))
}

async function opened(versions: readonly KeyVersion[] | undefined, open: (version: KeyVersion) => Buffer | undefined | Promise<Buffer | undefined>): Promise<VaultAnswer> {
  for (const version of versions ?? []) {
    const plain = await open(version)
    if (plain) return { data: toBase64url(plain), version: version.version }
  }
  throw fault('crypto.invalid')
}

async function sign(key: ShelvedKey, { form, algorithm, data, contentType }: Ask<'sign'>): Promise<VaultAnswer> {
  checkAlgorithm(key, algorithm)
  const bytes = bytesOf(data)
  const version = await current(key)
  switch (form) {
    case 'jws':
      return { data: await signJws(version, bytes, contentType), version: version.version }
    case 'jws-detached':
      return { data: await signDetached(version, bytes), version: version.version }
    case 'raw':
      return { data: toBase64url(await signRaw(version, bytes)), version: version.version }
    default:
      throw unfit(key, 'it signs as jws, jws-detached or raw')
  }
}

async function check(key: ShelvedKey, { form, algorithm, data, signature, version: wanted }: Ask<'check'>): Promise<VaultAnswer> {
  checkAlgorithm(key, algorithm)
  if (form === 'raw') {
    const bytes = bytesOf(data)
    const given = typeof signature === 'string' ? fromBase64url(signature) : undefined
    if (!given) return { valid: false }
    for (const version of await candidates(key, wanted)) if (await verifyRaw(version, bytes, given)) return { valid: true, version: version.version }
    return { valid: false }
  }
  if (form !== 'jws' && form !== 'jws-detached') throw unfit(key, 'it checks jws, jws-detached or raw')
  const isDetached = form === 'jws-detached'
  const payload = isDetached ? bytesOf(data) : undefined
  const text = isDetached ? signature : data
  const jws = typeof text === 'string' ? parseJws(text, isDetached) : undefined
  if (!jws) return { valid: false }
  for (const version of await named(key, jws.header.kid)) {
    const signed = await verifyJws(version, jws, payload)
    if (signed) return { valid: true, version: version.version, ...(isDetached ? {} : { data: toBase64url(signed) }) }
  }
  return { valid: false }
}

/** The version that encrypts and signs. @throws Fault key.disabled */
async function current(key: ShelvedKey): Promise<KeyVersion> {
  const [version] = await candidates(key, key.facts.current)
  if (!version) throw new Error('the current version of the key is missing')
  return version
}

/** Versions that may have made a text: the one that its `kid` names, or any without. */
async function named(key: ShelvedKey, kid: unknown): Promise<readonly KeyVersion[]> {
  if (kid === undefined) return candidates(key, undefined)
  const version = typeof kid === 'string' ? versionOfKeyId(kid, key.name) : undefined
  return version === undefined ? [] : candidates(key, version)
}

/** One version, or the newest ones that are active; none when there is no such version. @throws Fault key.disabled */
async function candidates(key: ShelvedKey, wanted: number | undefined): Promise<readonly KeyVersion[]> {
  const { versions } = key.facts
  if (wanted !== undefined && versions.find(({ version }) => version === wanted)?.state === 'disabled') throw fault('key.disabled', { key: `${key.name} (version ${wanted})` })
  const opened = await key.versions()
  return versions
    .filter(({ version, state }) => (wanted === undefined ? state === 'active' : version === wanted))
    .sort((a, b) => b.version - a.version)
    .slice(0, triedAtMost)
    .flatMap(({ version }) => opened.get(version) ?? [])
}

/** The algorithm follows from the key; who names one is told when it is another. */
function checkAlgorithm(key: ShelvedKey, named: string | undefined): void {
  if (named !== undefined && named !== '' && named !== key.facts.algorithm) throw unfit(key, `its algorithm is ${key.facts.algorithm}`)
}

function bytesOf(data: unknown): Buffer {
  const bytes = typeof data === 'string' ? fromBase64url(data) : undefined
  if (!bytes) throw fault('crypto.invalid')
  return bytes
}

function aadOf(aad: unknown): Buffer {
  return aad === undefined ? Buffer.alloc(0) : bytesOf(aad)
}

function unfit(key: ShelvedKey, reason: string) {
  return fault('key.unfit', { key: key.name, reason })
}
