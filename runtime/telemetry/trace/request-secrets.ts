import type { Claim } from '../../core/deployment.ts'
import type { RequestFacts } from '../../core/http/request-facts.ts'

/** Where a request holds secrets, and which: what its flow looks for callers in, `Authorization`, cookies. */
export function secretsOfRequest(request: RequestFacts, claims: readonly Claim[] = []): { readonly names: readonly string[]; readonly values: readonly string[] } {
  const names: string[] = []
  const values: string[] = []
  const keep = (value: unknown) => {
    if (typeof value === 'string') values.push(value)
  }
  for (const claim of claims) {
    if (claim.kind !== 'key') continue
    const name = 'header' in claim ? claim.header : claim.query
    names.push(name.toLowerCase())
    keep('header' in claim ? request.headers[name] : request.query[name])
  }
  for (const name of ['authorization', 'proxy-authorization'] as const) {
    const header = request.headers[name]
    if (typeof header !== 'string') continue
    const space = header.indexOf(' ')
    const rest = header.slice(space + 1).trim()
    values.push(header, rest)
    if (/^basic$/i.test(header.slice(0, space))) values.push(passwordOf(rest))
  }
  if (request.headers.cookie !== undefined) for (const value of Object.values(request.cookies)) keep(value)
  for (const name of ['x-api-key', 'api-key', 'apikey', 'x-sluice-watch']) keep(request.headers[name])
  return { names, values }
}

function passwordOf(basic: string): string {
  const plain = Buffer.from(basic, 'base64').toString('utf8')
  return plain.slice(plain.indexOf(':') + 1)
}
