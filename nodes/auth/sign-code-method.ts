import { hash } from 'node:crypto'
import type { Credentialed } from '../../runtime/core/access/clients.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import type { State } from '../../runtime/core/state/state.ts'
import { skewMs, useNonce } from './replay.ts'
import type { SigningSecrets } from './signing-secret.ts'
import { absent, type Call, type Method, type Refusal, refused, type Verdict } from './verdict.ts'

const longestNonce = 256

/**
 * The simple form of a signature: `X-Client-Id`, `X-Timestamp` (seconds or milliseconds), `X-Nonce`, and `X-Sign-Code` with
 * the HMAC-SHA256 of {@link toSignText} in hex or base64.
 */
export function createSignCodeMethod(options: { readonly headers: readonly string[]; readonly secrets: SigningSecrets; readonly state: State }): Method {
  const { headers, secrets, state } = options

  function check(request: RequestFacts, nowMs: number): Refusal | { readonly known: Credentialed; readonly id: string; readonly nonce: string } {
    const [id, timestamp, nonce, code] = ['x-client-id', 'x-timestamp', 'x-nonce', 'x-sign-code'].map((name) => request.headers[name])
    const signed = typeof code === 'string' ? decodeCode(code) : undefined
    if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof nonce !== 'string' || nonce === '' || nonce.length > longestNonce || !/^\d{1,15}$/.test(timestamp) || !signed) {
      return refused('auth.signature', 'malformed', { guess: true })
    }
    const owner = secrets.of(id)
    const fits = (owner ?? secrets.nobody).fits(toSignText(request, headers, timestamp, nonce), signed)
    if (!owner || !fits) return refused('auth.signature', owner ? 'it does not fit' : 'unknown client id', { guess: true, ...(owner ? { application: owner.known.application.id } : {}) })
    if (request.bodyStreams === true) return refused('auth.signature', 'the body passes as a stream, which no signature can be held against', { application: owner.known.application.id })
    const madeMs = Number(timestamp) * (timestamp.length > 11 ? 1 : 1000)
    if (Math.abs(nowMs - madeMs) > skewMs) return refused('auth.expired', 'it was made too long ago, or by a clock that is wrong', { application: owner.known.application.id })
    return { known: owner.known, id, nonce }
  }

  async function verify({ request, nowMs, run }: Call): Promise<Verdict> {
    const checked = check(request, nowMs)
    if ('kind' in checked) return checked
    const { known, id, nonce } = checked
    return (await useNonce(state, id, nonce, run.id)) ?? { kind: 'known', who: { known, scopes: [] } }
  }

  return {
    kind: 'sign code',
    scheme: 'SignCode',
    parameters: 'alg="hmac-sha256"',
    carries: {},
    proof: 'sign code',
    alike: JSON.stringify(headers),
    identify(request, nowMs) {
      if (request.headers['x-sign-code'] === undefined) return undefined
      const checked = check(request, nowMs)
      return 'kind' in checked ? undefined : checked
    },
    verify(call) {
      return call.request.headers['x-sign-code'] === undefined ? absent : verify(call)
    },
  }
}

/**
 * What is signed, one line each: method; path as sent; query parameters as sent, in ascending order of the bytes of their
 * names (those of one name stay in their order, which means something to whoever reads them), joined by `&`; a line
 * `name:value` for each header that the node asks for; SHA-256 of the body in hex; timestamp; nonce.
 */
export function toSignText(request: Pick<RequestFacts, 'method' | 'path' | 'url' | 'headers' | 'wireBody'>, headers: readonly string[], timestamp: string, nonce: string): string {
  const mark = request.url.indexOf('?')
  const query = mark === -1 ? [] : request.url.slice(mark + 1).split('&').filter((part) => part !== '')
  return [
    request.method,
    request.path,
    query.toSorted((a, b) => Buffer.compare(Buffer.from(nameOf(a)), Buffer.from(nameOf(b)))).join('&'),
    ...headers.map((name) => `${name}:${[request.headers[name] ?? ''].flat().map((line) => line.trim()).join(', ')}`),
    hash('sha256', request.wireBody ?? '', 'hex'),
    timestamp,
    nonce,
  ].join('\n')
}

function nameOf(parameter: string): string {
  const equals = parameter.indexOf('=')
  return equals === -1 ? parameter : parameter.slice(0, equals)
}

function decodeCode(text: string): Buffer | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  return /^[A-Za-z0-9+/]{43}=?$/.test(text) || /^[A-Za-z0-9_-]{43}$/.test(text) ? Buffer.from(text, 'base64') : undefined
}
