import type { Credentialed } from '../../runtime/core/access/clients.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import type { State } from '../../runtime/core/state/state.ts'
import { fitsDigest } from './content-digest.ts'
import { skewMs, useNonce } from './replay.ts'
import { toSignatureBase } from './signature-base.ts'
import { keyAlgorithms, type SigningKeys } from './signing-keys.ts'
import type { SigningSecrets } from './signing-secret.ts'
import { type InnerList, isInnerList, parseDictionary } from './structured-field.ts'
import { absent, type Call, type Method, type Refusal, refused, type Verdict } from './verdict.ts'

const longestNonce = 256

/**
 * HTTP Message Signatures (RFC 9421): by a secret that both sides have (`hmac-sha256`), or by a key of the caller of which only the
 * public half is known here. A signature counts only when it covers the method, path and query, the digest of the body, and the
 * headers asked for, and says `keyid`, `created` and `nonce`. The algorithm follows from the record; one that is named has to fit it.
 */
export function createMessageSignatureMethod(options: { readonly headers: readonly string[]; readonly secrets: SigningSecrets; readonly keys: SigningKeys; readonly state: State }): Method {
  const { headers, secrets, keys, state } = options

  function check(request: RequestFacts, nowMs: number): Refusal | { readonly known: Credentialed; readonly id: string; readonly nonce: string } {
    const inputs = parseDictionary(textOf(request.headers['signature-input']))
    const signatures = parseDictionary(textOf(request.headers['signature']))
    if (!inputs || !signatures) return refused('auth.signature', 'malformed', { guess: true })
    // A request may carry signatures for others; ours is the first whose key we could know.
    for (const [label, covered] of inputs) {
      if (!isInnerList(covered)) return refused('auth.signature', 'malformed', { guess: true })
      const { keyid, created, nonce, expires, alg } = Object.fromEntries(covered.params)
      const signed = signatures.get(label)
      if (typeof keyid !== 'string' || signed === undefined || isInnerList(signed) || !Buffer.isBuffer(signed.value)) continue
      const paired = alg !== 'hmac-sha256' ? keys.of(keyid, alg === undefined ? undefined : String(alg)) : undefined
      if (!paired && alg !== undefined && alg !== 'hmac-sha256') continue
      const owner = paired ?? secrets.of(keyid)
      const base = toSignatureBase(request, covered)
      if (base === undefined) return refused('auth.signature', 'it covers what is not there or not supported', { guess: true })
      const fits = (owner ?? secrets.nobody).fits(base, signed.value)
      if (!owner || !fits) return refused('auth.signature', owner ? 'it does not fit' : 'unknown key id', { guess: true, ...(owner ? { application: owner.known.application.id } : {}) })
      // From here on the caller holds the secret or the key: what is wrong may be said.
      const application = { application: owner.known.application.id }
      const uncovered = missing(request, covered, headers)
      if (uncovered !== undefined) return refused('auth.signature', `it does not cover ${uncovered}`, application)
      if (typeof created !== 'number' || typeof nonce !== 'string' || nonce === '' || nonce.length > longestNonce) return refused('auth.signature', 'it lacks created or nonce', application)
      if (Math.abs(nowMs - created * 1000) > skewMs) return refused('auth.expired', 'it was made too long ago, or by a clock that is wrong', application)
      if (expires !== undefined && !(typeof expires === 'number' && expires * 1000 > nowMs)) return refused('auth.expired', 'it has ended', application)
      if (request.bodyStreams === true) return refused('auth.signature', 'the body passes as a stream, which no signature can be held against', application)
      const digest = request.headers['content-digest']
      if (digest !== undefined && !fitsDigest(textOf(digest), request.wireBody ?? Buffer.alloc(0))) return refused('auth.signature', 'the body is not the one that was signed', application)
      return { known: owner.known, id: keyid, nonce }
    }
    return refused('auth.signature', 'none of its signatures is one that is known here', { guess: true })
  }

  async function verify({ request, nowMs, run }: Call): Promise<Verdict> {
    const checked = check(request, nowMs)
    if ('kind' in checked) return checked
    const { known, id, nonce } = checked
    return (await useNonce(state, id, nonce, run.id)) ?? { kind: 'known', who: { known, scopes: [] } }
  }

  return {
    kind: 'signature',
    scheme: 'Signature',
    parameters: `algs="${['hmac-sha256', ...keyAlgorithms].join(' ')}"`,
    carries: {},
    proof: 'signature',
    alike: JSON.stringify(headers),
    identify(request, nowMs) {
      if (request.headers['signature-input'] === undefined) return undefined
      const checked = check(request, nowMs)
      return 'kind' in checked ? undefined : checked
    },
    verify(call) {
      return call.request.headers['signature-input'] === undefined ? absent : verify(call)
    },
  }
}

/** What a signature must cover and does not. */
function missing(request: RequestFacts, covered: InnerList, headers: readonly string[]): string | undefined {
  const names = new Set(covered.items.filter(({ params }) => params.size === 0).map(({ value }) => value))
  const whole = names.has('@target-uri') || names.has('@request-target')
  if (!names.has('@method')) return '@method'
  if (!whole && !names.has('@path')) return '@path'
  if (!whole && request.url.includes('?') && !names.has('@query')) return '@query'
  if ((request.wireBody?.length ?? 0) > 0 && !names.has('content-digest')) return 'content-digest'
  return headers.find((name) => !names.has(name))
}

function textOf(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(', ') : (value ?? '')
}
