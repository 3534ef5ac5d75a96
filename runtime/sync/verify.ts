import { verify } from 'node:crypto'
import { canonicalJson, hashDocument, sha256 } from '../compile/hash.ts'
import { parseDocumentText } from '../compile/document-text.ts'
import type { ReleaseManifest, Revision } from '../core/release.ts'
import { signedClients, type ClientsChangeText, type ClientsManifest, type RevisionText, type SignedManifest, type SignedText, type Standing } from '../core/sync-wire.ts'

/** What control sent does not prove what it claims; it is not run. `code` is stable. */
export class Untrusted extends Error {
  readonly code: 'release.signature' | 'release.hash' | 'release.older' | 'release.credentials' | 'clients.signature' | 'clients.hash' | 'clients.older' | 'clients.key'
  constructor(code: Untrusted['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** The manifest, when one of the keys signed exactly this text and its own hash is right. @throws Untrusted */
export function verifyManifest({ manifest, signature }: SignedManifest, publicKeys: readonly string[]): ReleaseManifest {
  if (typeof manifest !== 'string' || typeof signature !== 'string') throw new Untrusted('release.signature', 'The release is not signed.')
  const bytes = Buffer.from(manifest, 'utf8')
  const signed = publicKeys.some((key) => verify(null, bytes, key, Buffer.from(signature, 'base64')))
  if (!signed) throw new Untrusted('release.signature', 'The signature of the release is not that of the control plane this gateway joined.')
  const value = JSON.parse(manifest) as ReleaseManifest
  if (sha256(canonicalJson(value.flows)) !== value.hash) throw new Untrusted('release.hash', 'The content hash of the release does not fit its flows.')
  return value
}

/** The document, when its text has the hash that the signed manifest names. @throws Untrusted */
export function verifyRevision({ hash, text }: RevisionText): Revision {
  try {
    const document = parseDocumentText(text)
    if (sha256(text) === hash || hashDocument(document) === hash) return { hash, document }
  } catch {
    // not a document at all: the same refusal
  }
  throw new Untrusted('release.hash', `A flow document does not have the content hash ${hash} that the release names.`)
}

/** The list of pages of a snapshot of callers' records, when one of the keys signed it as that. @throws Untrusted */
export function verifyClientsManifest(signed: SignedText, publicKeys: readonly string[]): ClientsManifest {
  const value = verifyText(signed, signedClients.manifest, publicKeys) as ClientsManifest
  const { version, keyId, pages, rest } = value
  if (!Number.isSafeInteger(version) || typeof keyId !== 'string' || !Array.isArray(pages) || pages.length === 0 || ![...pages, rest].every(isHash)) {
    throw new Untrusted('clients.hash', 'The snapshot of callers is not whole.')
  }
  return value
}

/** A change of callers' records, when one of the keys signed it as that. @throws Untrusted */
export function verifyClientsChange(signed: SignedText, publicKeys: readonly string[]): ClientsChangeText {
  return verifyText(signed, signedClients.change, publicKeys) as ClientsChangeText
}

/** How far control is, when one of the keys signed it in answer to the nonce. @throws Untrusted */
export function verifyStanding(signed: SignedText | undefined, nonce: string, publicKeys: readonly string[]): Standing {
  const value = verifyText(signed, signedClients.standing, publicKeys) as Standing
  if (value.nonce !== nonce || !Number.isSafeInteger(value.clients) || !Number.isSafeInteger(value.release)) throw new Untrusted('clients.signature', 'Control’s word on how far it is was meant for another gateway.')
  return value
}

/** The content of a page, when it has the hash that the signed list names. @throws Untrusted */
export function verifyClientsPage<T>(text: string, hash: string): T {
  if (sha256(text) !== hash) throw new Untrusted('clients.hash', `A page of the snapshot of callers does not have the hash ${hash} that its list names.`)
  return JSON.parse(text) as T
}

function verifyText(signed: SignedText | undefined, purpose: string, publicKeys: readonly string[]): unknown {
  if (typeof signed?.text !== 'string' || typeof signed.signature !== 'string') throw new Untrusted('clients.signature', 'The records of callers are not signed.')
  const bytes = Buffer.from(purpose + signed.text, 'utf8')
  if (!publicKeys.some((key) => verify(null, bytes, key, Buffer.from(signed.signature, 'base64')))) {
    throw new Untrusted('clients.signature', 'The signature of the records of callers is not that of the control plane this gateway joined.')
  }
  return JSON.parse(signed.text)
}

const isHash = (value: unknown) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
