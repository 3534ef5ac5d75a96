import type { Body } from '../core/http/body.ts'
import type { Run } from '../core/run.ts'
import type { Upstream, UpstreamReply, UpstreamRequest } from '../core/upstream/upstream.ts'
import type { CallOptions, UpstreamService } from '../core/upstream/upstream-service.ts'
import type { BoundedMap } from '../core/bounded-map.ts'
import { identityOf, variesByCall } from './request-identity.ts'
import { toValidators, type Validators } from './validators.ts'

/** The last answer to a request. */
export interface LastAnswer {
  readonly reply: UpstreamReply
  readonly validators: Validators | undefined
  /** The request that asks whether it still holds, for callouts that send the same one each time. */
  again?: { readonly of: UpstreamRequest; readonly request: UpstreamRequest }
}

export interface ReusedUpstreamParts {
  readonly answers: BoundedMap<LastAnswer>
  /** Tells the nodes' answers apart. */
  readonly place: string
  readonly node: string
  /** Whether the flow that a run entered by wants nothing used again. */
  isOff(flow: string): boolean
}

type Ask = (request: UpstreamRequest) => Promise<UpstreamReply>

/** A parsed document takes several times the bytes it was written in. */
const parsedTimes = 6
/** No document may push out more than this part of all. */
const largestShare = 4
/** Said of an answer's body, which stays the one that was sent. */
const ofBody = new Set(['content-length', 'content-encoding', 'content-type', 'content-range', 'content-location', 'transfer-encoding'])

/**
 * An upstream whose GETs ask whether the last answer still holds (RFC 9110 §13), and whose bodies are parsed once as long as
 * their bytes stay the same. Every call still goes there: what callers get is never older than their request.
 */
export function createReusedUpstream(upstream: Upstream, parts: ReusedUpstreamParts): Upstream {
  const keys = new WeakMap<UpstreamRequest, string | undefined>()

  /** Callouts that depend on nothing send the same request each time: it is looked through once. */
  function keyOf(request: UpstreamRequest): string | undefined {
    if (!Object.isFrozen(request)) return makeKey(request)
    if (!keys.has(request)) keys.set(request, makeKey(request))
    return keys.get(request)
  }

  function makeKey(request: UpstreamRequest): string | undefined {
    const identity = identityOf(request)
    return identity === undefined ? undefined : `${parts.place}/${identity}`
  }

  async function call(request: UpstreamRequest, run: Run, ask: Ask): Promise<UpstreamReply> {
    const key = parts.isOff(run.flow) ? undefined : keyOf(request)
    if (key === undefined) return ask(request)
    const last = parts.answers.use(key)
    if (last?.validators === undefined || last.reply.body.raw().length > request.responseLimitBytes) return keep(key, last, await ask(request), run)
    const reply = await ask(toAgain(last, request))
    if (reply.status !== 304) return keep(key, last, reply, run)
    run.trace?.note(parts.node, { reused: 'answer' })
    const now = renewed(last.reply, reply)
    // What goes with it may have changed, and forbid that it is held any longer; else it is held as it was.
    if (reply.headers.etag !== last.reply.headers.etag || !isKeepable(now)) return keep(key, last, now, run)
    return now
  }

  /** What the upstream says of itself now goes with the body that it says has not changed (RFC 9111 §4.3.4). */
  function renewed(last: UpstreamReply, now: UpstreamReply): UpstreamReply {
    const headers: Record<string, string | string[]> = { ...last.headers }
    for (const name in now.headers) if (!ofBody.has(name)) headers[name] = now.headers[name] as string | string[]
    return { ...now, status: last.status, headers, body: last.body.share() }
  }

  function keep(key: string, last: LastAnswer | undefined, reply: UpstreamReply, run: Run): UpstreamReply {
    if (!isKeepable(reply)) {
      if (last !== undefined) parts.answers.delete(key)
      return reply
    }
    // Of many calls under way at once when the document changed, the first brought the new one meanwhile.
    const stored = parts.answers.use(key)
    const before = (stored ?? last)?.reply.body
    const body = before === undefined || before === reply.body ? reply.body : sameBody(before, reply.body, run)
    const kept = body === reply.body ? reply : { ...reply, body }
    const validators = toValidators(reply.headers)
    // Of an answer that nothing is asked about later, the body is all that is used again, and that one is there.
    if (body === stored?.reply.body && stored.validators === undefined && validators === undefined) return kept
    const bytes = body.raw().length * (1 + parsedTimes)
    if (bytes <= parts.answers.limit / largestShare) parts.answers.set(key, { reply: kept, validators }, bytes + 2000)
    else parts.answers.delete(key)
    return kept
  }

  /** The body of before when nothing of it has changed: what was made of it still holds. */
  function sameBody(before: Body, now: Body, run: Run): Body {
    if (before.contentType !== now.contentType) return now
    const [old, fresh] = [before.bytes(), now.bytes()]
    if (old.length !== fresh.length || !old.equals(fresh)) return now
    run.trace?.note(parts.node, { reused: 'parse' })
    // Only what is given a second time is frozen: freezing costs as much as parsing.
    return before.share()
  }

  function openService(spec: Parameters<NonNullable<Upstream['open']>>[0]): UpstreamService {
    const service = (upstream.open as NonNullable<Upstream['open']>)(spec)
    return Object.assign(Object.create(service) as UpstreamService, {
      request: (request: UpstreamRequest, run: Run, options?: CallOptions) => call(request, run, (asked) => service.request(asked, run, options)),
    })
  }

  return Object.assign(Object.create(upstream) as Upstream, {
    request: (request: UpstreamRequest, run: Run) => call(request, run, (asked) => upstream.request(asked, run)),
    ...(upstream.open ? { open: openService } : {}),
  })
}

function toAgain(last: LastAnswer, request: UpstreamRequest): UpstreamRequest {
  if (last.again?.of === request) return last.again.request
  const again = Object.freeze({ ...request, headers: { ...request.headers, ...last.validators } })
  if (Object.isFrozen(request)) last.again = { of: request, request: again }
  return again
}

function isKeepable({ status, headers, redirects }: UpstreamReply): boolean {
  if (status !== 200 || redirects.length > 0 || headers['set-cookie'] !== undefined) return false
  return !/no-store/i.test(String(headers['cache-control'] ?? '')) && !variesByCall(headers.vary)
}
