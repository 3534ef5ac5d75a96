import { verify } from 'node:crypto'
import { canonicalJson, hashDocument, sha256 } from '../compile/hash.ts'
import { parseDocumentText } from '../compile/document-text.ts'
import type { ReleaseManifest, Revision } from '../core/release.ts'
import type { RevisionText, SignedManifest } from '../core/sync-wire.ts'

/** What control sent does not prove what it claims; it is not run. `code` is stable. */
export class Untrusted extends Error {
  readonly code: 'release.signature' | 'release.hash' | 'release.older' | 'release.credentials'
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
