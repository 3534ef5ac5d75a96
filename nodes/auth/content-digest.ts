import { hash, timingSafeEqual } from 'node:crypto'
import { isInnerList, parseDictionary } from './structured-field.ts'

const algorithms = { 'sha-256': 'sha256', 'sha-512': 'sha512' } as const

/** Whether a `Content-Digest` (RFC 9530 §2) is that of the body: every digest that is known must fit, and there must be one. */
export function fitsDigest(field: string, body: Buffer): boolean {
  const members = parseDictionary(field)
  if (!members) return false
  let fitting = 0
  for (const [name, algorithm] of Object.entries(algorithms)) {
    const member = members.get(name)
    if (member === undefined) continue
    if (isInnerList(member) || !Buffer.isBuffer(member.value)) return false
    const digest = hash(algorithm, body, 'buffer')
    if (digest.length !== member.value.length || !timingSafeEqual(digest, member.value)) return false
    fitting += 1
  }
  return fitting > 0
}
