import { hash } from 'node:crypto'
import { credentialsOf } from '../../runtime/core/access/authorization.ts'
import type { Clients } from '../../runtime/core/access/clients.ts'
import { customerNetwork } from '../../runtime/core/access/customer-network.ts'
import { errand } from '../../runtime/core/errand.ts'
import type { Scope } from '../../runtime/core/node.ts'
import { BoundedMap } from '../../runtime/core/bounded-map.ts'
import { createFairLine } from './fair-line.ts'
import { fetchLimitMs } from './fetch-limit.ts'
import { checkConfirmation, type Claims, pickClaims, toIdentity } from './token-claims.ts'
import { absent, type Call, type Method, refused, type Verdict } from './verdict.ts'

export interface IntrospectionOptions {
  readonly url: string
  /** Under which the records know the clients of its tokens. */
  readonly issuer: string
  /** One of them must be in `aud`; none: not looked at. */
  readonly audiences: readonly string[]
  /** How long an answer is believed. A token that was revoked may live so much longer. */
  readonly cacheMs: number
  readonly clientId: string
  readonly clientSecret: string
  readonly unknownSubjects: boolean
  readonly clients: Clients
  /** As `Method.alike`. */
  readonly alike: string
}

const longest = 4096
const skewMs = 60_000
/** Questions to the issuer under way at once, and what waits for one, of a node. */
const askedAtOnce = 32
const waitingOfAddress = 128
const waitingAtAll = 512

interface Answer {
  readonly claims: Claims
  readonly untilMs: number
}

/** What an issuer said of tokens, for all nodes that ask it alike. */
export interface IntrospectionMemory {
  readonly known: BoundedMap<Answer>
  /** Apart, so that who invents tokens does not push out those that are good. */
  readonly wrong: BoundedMap<Answer>
}

export function createIntrospectionMemory(): IntrospectionMemory {
  return { known: new BoundedMap(10_000), wrong: new BoundedMap(1_000) }
}

/** Opaque bearer tokens, about which their issuer is asked (RFC 7662). */
export function createIntrospectionMethod(scope: Scope, options: IntrospectionOptions, { known, wrong }: IntrospectionMemory): Method {
  const { clients, unknownSubjects } = options
  const asking = new Map<string, Promise<Claims | undefined>>()
  // Whoever invents tokens must neither flood the issuer nor take every place from those who have one.
  const line = createFairLine({ atOnce: askedAtOnce, ofAddress: askedAtOnce / 2, perAddress: waitingOfAddress, waiting: waitingAtAll })
  // RFC 6749 §2.3.1: both are form-encoded before they become a Basic password.
  const login = Buffer.from(`${formEncode(options.clientId)}:${formEncode(options.clientSecret)}`).toString('base64')

  async function ask(token: string): Promise<Claims | undefined> {
    try {
      const reply = await scope.upstream.request({
        method: 'POST', url: options.url, timeoutMs: fetchLimitMs, responseLimitBytes: 65_536, redirects: 0,
        headers: { authorization: `Basic ${login}`, accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
        body: `token=${formEncode(token)}&token_type_hint=access_token`,
      }, errand(scope, fetchLimitMs))
      const value: unknown = reply.status === 200 ? JSON.parse(reply.body.text()) : undefined
      if (typeof value === 'object' && value !== null && typeof (value as Claims)['active'] === 'boolean') return pickClaims(value as Claims)
      scope.log.warn({ status: reply.status }, 'The introspection endpoint gave no answer that can be used.')
    } catch (error) {
      scope.log.warn({ reason: error instanceof Error ? error.name : 'unknown', ...(isFault(error) ? { code: error.code } : {}) }, 'The introspection endpoint could not be asked.')
    }
    return undefined
  }

  /** One question for all who bring the same token at once; no answer where too many wait already. */
  function askOnce(mark: string, token: string, address: string): Promise<Claims | undefined> {
    let answer = asking.get(mark)
    if (!answer) asking.set(mark, (answer = line.run(customerNetwork(address), () => ask(token)).finally(() => asking.delete(mark))))
    return answer
  }

  function judge(claims: Claims, { request, nowMs }: Pick<Call, 'request' | 'nowMs'>): Verdict {
    if (claims['active'] !== true) return refused('auth.invalid_token', 'its issuer does not know it, or it has ended', { guess: true })
    const { exp, nbf, aud, iss } = claims
    if (typeof exp === 'number' && exp * 1000 + skewMs <= nowMs) return refused('auth.expired', 'the token has ended')
    if (typeof nbf === 'number' && nbf * 1000 - skewMs > nowMs) return refused('auth.invalid_token', 'it is not valid yet')
    if (options.audiences.length > 0 && !(Array.isArray(aud) ? aud : [aud]).some((one) => options.audiences.includes(one as string))) return refused('auth.invalid_token', 'it is for somebody else')
    if (typeof iss === 'string' && options.issuer !== '' && iss !== options.issuer) return refused('auth.invalid_token', 'it is of another issuer')
    const bound = checkConfirmation(claims, request)
    if (bound !== undefined) return refused('auth.invalid_token', bound)
    return toIdentity(claims, options.issuer === '' ? String(iss ?? '') : options.issuer, clients, unknownSubjects)
  }

  return {
    kind: 'introspection',
    scheme: 'Bearer',
    carries: { header: 'authorization' },
    proof: 'bearer',
    alike: options.alike,
    identify(request, nowMs) {
      const token = credentialsOf(request, 'bearer')
      const before = token === undefined || token.length > longest ? undefined : known.get(markOf(token))
      const verdict = before && nowMs < before.untilMs ? judge(before.claims, { request, nowMs }) : undefined
      return verdict?.kind === 'known' ? verdict.who : undefined
    },
    verify(call) {
      const token = credentialsOf(call.request, 'bearer')
      if (token === undefined) return absent
      if (token.length > longest || !/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return refused('auth.invalid_token', 'malformed', { guess: true })
      const mark = markOf(token)
      const before = known.get(mark) ?? wrong.get(mark)
      if (before && call.nowMs < before.untilMs) return judge(before.claims, call)
      return askOnce(mark, token, call.request.ip).then((claims) => {
        if (!claims) return refused('auth.unavailable', 'its issuer could not be asked', { retryAfterSeconds: 5 })
        const answer = { claims, untilMs: call.nowMs + options.cacheMs }
        if (claims['active'] === true) known.set(mark, answer)
        else {
          known.delete(mark)
          wrong.set(mark, answer)
        }
        return judge(claims, call)
      })
    },
  }
}

function markOf(token: string): string {
  return hash('sha256', token, 'base64')
}

function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}

function isFault(error: unknown): error is { readonly code: string } {
  return typeof (error as { code?: unknown } | null)?.code === 'string'
}
