import { createHash } from 'node:crypto'

export interface DigestCredentials {
  readonly user: string
  readonly password: string
}

const algorithms: Readonly<Record<string, string>> = { md5: 'md5', 'sha-256': 'sha256', 'sha-512-256': 'sha512-256' }

/**
 * The Authorization header that answers a Digest challenge (RFC 7616, with MD5 of RFC 2617); `undefined`
 * when there is no challenge that can be answered. Of several the strongest is taken.
 * @param uri path and query of the request
 * @param cnonce client nonce, fresh for each answer
 */
export function answerDigest(challenges: string | readonly string[] | undefined, method: string, uri: string, credentials: DigestCredentials, cnonce: string): string | undefined {
  const offered = [challenges ?? []].flat().flatMap(splitChallenges).map(parseChallenge).filter((challenge) => challenge !== undefined)
  const strength = (challenge: Challenge) => ['md5', 'sha-256', 'sha-512-256'].indexOf(challenge.algorithm)
  const best = offered.toSorted((a, b) => strength(b) - strength(a))[0]
  if (!best) return undefined
  const hash = (text: string) => createHash(algorithms[best.algorithm] as string).update(text).digest('hex')
  const { realm, nonce, opaque } = best
  const nc = '00000001' // a nonce is used once: every call begins with its own challenge
  const secret = hash(`${credentials.user}:${realm}:${credentials.password}`)
  const ha1 = best.session ? hash(`${secret}:${nonce}:${cnonce}`) : secret
  const ha2 = hash(`${method}:${uri}`)
  const response = best.auth ? hash(`${ha1}:${nonce}:${nc}:${cnonce}:auth:${ha2}`) : hash(`${ha1}:${nonce}:${ha2}`)
  const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`
  const parts = [`username=${quoted(credentials.user)}`, `realm=${quoted(realm)}`, `nonce=${quoted(nonce)}`, `uri=${quoted(uri)}`, `response="${response}"`]
  if (best.named !== undefined) parts.push(`algorithm=${best.named}`)
  if (best.auth) parts.push('qop=auth', `nc=${nc}`)
  if (best.auth || best.session) parts.push(`cnonce="${cnonce}"`)
  if (opaque !== undefined) parts.push(`opaque=${quoted(opaque)}`)
  return `Digest ${parts.join(', ')}`
}

interface Challenge {
  readonly realm: string
  readonly nonce: string
  readonly opaque: string | undefined
  readonly algorithm: string
  readonly named: string | undefined
  readonly session: boolean
  readonly auth: boolean
}

/** One header may hold several challenges. */
function splitChallenges(header: string): string[] {
  return header.split(/(?=\bdigest\s)/i).filter((text) => /^digest\s/i.test(text))
}

function parseChallenge(text: string): Challenge | undefined {
  const values: Record<string, string> = {}
  for (const match of text.slice(0, 4_000).matchAll(/([a-z0-9_-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gi)) {
    values[(match[1] as string).toLowerCase()] ??= (match[2]?.replace(/\\(.)/g, '$1') ?? match[3]) as string
  }
  const named = values.algorithm
  const algorithm = (named ?? 'MD5').toLowerCase().replace(/-sess$/, '')
  if (values.realm === undefined || values.nonce === undefined || !Object.hasOwn(algorithms, algorithm)) return undefined
  const qop = values.qop?.split(',').map((item) => item.trim().toLowerCase())
  if (qop && !qop.includes('auth')) return undefined // auth-int alone: it would need the body's hash
  return { realm: values.realm, nonce: values.nonce, opaque: values.opaque, algorithm, named, session: /-sess$/i.test(named ?? ''), auth: qop !== undefined }
}
