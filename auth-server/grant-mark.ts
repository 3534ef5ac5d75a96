import { createHash } from 'node:crypto'

/** Claim `gid` of access tokens: says which consent a token came of, and is good for nothing else. */
export function toGrantMark(grantId: string): string {
  return createHash('sha256').update(grantId, 'utf8').digest('base64url').slice(0, 22)
}
