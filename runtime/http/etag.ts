import { hash } from 'node:crypto'

/** A weak entity tag of a body, in the form Express gives (RFC 9110 §8.8.3). */
export function weakEtag(body: string | Buffer): string {
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  return `W/"${bytes.toString(16)}-${hash('sha1', body, 'base64').slice(0, 27)}"`
}

/** Whether If-None-Match names this tag; weak comparison (RFC 9110 §13.1.2). */
export function matchesEtag(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch.trim() === '*') return true
  const wanted = opaque(etag)
  return ifNoneMatch.split(/,(?=\s*(?:W\/)?")/).some((tag) => opaque(tag.trim()) === wanted)
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag
}
