import { Fault } from '../../runtime/core/fault.ts'
import type { Problem } from '../../runtime/core/flow.ts'
import { isTooDeep } from '../../runtime/core/values/json-depth.ts'
import type { Facts } from '../../runtime/core/saying.ts'
import { problem } from '../consumers/check.ts'
import { readPointer } from '../consumers/json.ts'
import { Refused, type Connector, type PartnerFetch, type PartnerTls } from '../contract.ts'

/** A page of the last fetch, and the ETag it had. */
export interface PageTag {
  readonly url: string
  readonly tag: string
}

export interface FetchPages {
  readonly connector: Connector
  readonly secret: string | undefined
  readonly tls: PartnerTls | undefined
  readonly fetch: PartnerFetch
  /** Pages of the fetch that is in force; empty: whatever comes is new. */
  readonly known: readonly PageTag[]
  /** Called before each request; it throws when the fetch is not ours any more. */
  step(): Promise<void>
}

export type Fetched = { readonly unchanged: true } | { readonly unchanged: false; readonly pages: readonly unknown[]; readonly tags: readonly PageTag[] | undefined }

const pagesAtMost = 1000

/**
 * Fetches the whole of what a partner service says, page by page, with `If-None-Match` (RFC 9110 §13.1.2). Unchanged only when
 * every page of the last time says so.
 * @throws Refused `connector.unreachable` 502, `connector.document` 422
 */
export async function fetchPages(options: FetchPages): Promise<Fetched> {
  const { known } = options
  let first: Page | undefined
  for (const [index, { url, tag }] of known.entries()) {
    const page = await fetchPage(options, url, tag, options.connector.limitBytes)
    if (page !== 'unchanged') {
      // The first page is as good as one that was asked for without a tag; the others are fetched anew.
      first = index === 0 ? page : undefined
      break
    }
    if (index === known.length - 1) return { unchanged: true }
  }
  return await fetchAll(options, first)
}

interface Page {
  readonly value: unknown
  readonly tag: string | undefined
  readonly bytes: number
}

async function fetchAll(options: FetchPages, first: Page | undefined): Promise<Fetched> {
  const { connector } = options
  const pages: unknown[] = []
  const tags: PageTag[] = []
  const seen = new Set<string>()
  let leftBytes = connector.limitBytes
  let url: string | undefined = connector.url
  while (url !== undefined) {
    const at: string = url
    if (seen.has(at) || pages.length >= pagesAtMost) {
      const next = placeOn(pages.length, connector.map.next ?? '')
      const remedy = 'Check “next” in the map, or what the service answers.'
      throw document(seen.has(at) ? problem(next, 'The pages lead back to one that was read already.', remedy, 'partner.pages_loop') : problem(next, `There are more than ${pagesAtMost} pages.`, remedy, 'partner.pages_many', { most: pagesAtMost }))
    }
    seen.add(at)
    const page: Page | 'unchanged' = pages.length === 0 && first ? first : await fetchPage(options, at, undefined, leftBytes)
    if (page === 'unchanged') throw unreachable('The service answered 304 to a question without If-None-Match.', 'partner.status', { status: 304 })
    leftBytes -= page.bytes
    pages.push(page.value)
    if (page.tag !== undefined) tags.push({ url: at, tag: page.tag })
    url = nextOf(page.value, at, connector, pages.length)
  }
  return { unchanged: false, pages, tags: tags.length === pages.length ? tags : undefined }
}

async function fetchPage({ connector, secret, tls, fetch, step }: FetchPages, url: string, tag: string | undefined, leftBytes: number): Promise<Page | 'unchanged'> {
  await step()
  const headers = { accept: 'application/json', ...authorization(connector, secret), ...(tag === undefined ? {} : { 'if-none-match': tag }) }
  let reply: Awaited<ReturnType<PartnerFetch>>
  try {
    reply = await fetch({ url, headers, timeoutMs: connector.timeoutMs, limitBytes: Math.max(leftBytes, 1), ...(tls ? { tls } : {}) })
  } catch (thrown) {
    throw unreachableBy(thrown)
  }
  if (reply.status === 304 && tag !== undefined) return 'unchanged'
  if (reply.status === 401 || reply.status === 403) throw unreachable(`The service answered ${reply.status}: it does not take the credential of control.`, 'partner.not_signed_in', { status: reply.status })
  if (reply.status !== 200) throw unreachable(`The service answered ${reply.status}, expected 200.`, 'partner.status', { status: reply.status })
  if (reply.body.length > leftBytes) throw unreachable(`The service answered more than ${connector.limitBytes} bytes.`, 'partner.too_large', { most: connector.limitBytes })
  const etag = reply.headers.etag
  return { value: parse(reply.body), tag: typeof etag === 'string' && etag.length <= 500 ? etag : undefined, bytes: reply.body.length }
}

function authorization({ auth, hasSecret }: Connector, secret: string | undefined): Record<string, string> {
  if (auth.kind === 'none' || !hasSecret) return {}
  if (secret === undefined) throw unreachable('The secret of this connector was sealed under another key and cannot be read. Set it again.', 'partner.secret_unreadable')
  return { authorization: auth.kind === 'bearer' ? `Bearer ${secret}` : `Basic ${Buffer.from(`${auth.user}:${secret}`).toString('base64')}` }
}

function parse(body: Buffer): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body)
    if (isTooDeep(text, body)) throw new Error('it is nested too deeply')
    return JSON.parse(text) as unknown
  } catch (thrown) {
    // A parser's words may quote what it read, which is not ours to show.
    const reason = thrown instanceof SyntaxError ? (/position \d+|end of JSON input/.exec(thrown.message)?.[0] ?? '') : (thrown as Error).message
    throw document(problem('', `The service answered no JSON${reason === '' ? '' : ` (${reason})`}.`, 'Check the URL, and what the service answers there.', 'partner.no_json'))
  }
}

/** The next page: at the same server only, because the credential goes along. */
function nextOf(value: unknown, url: string, { map }: Connector, page: number): string | undefined {
  const next = map.next === undefined ? undefined : readPointer(value, map.next)
  if (map.next === undefined || next === undefined || next === null || next === '' || next === false) return undefined
  if (typeof next !== 'string' && typeof next !== 'number') throw document(problem(placeOn(page, map.next), 'This names no next page.', 'Check “next” in the map, or what the service answers.', 'partner.no_next'))
  if (map.cursorParameter !== undefined) {
    const to = new URL(url)
    to.searchParams.set(map.cursorParameter, String(next))
    return to.href
  }
  const to = URL.canParse(String(next), url) ? new URL(String(next), url) : undefined
  if (!to || to.origin !== new URL(url).origin) throw document(problem(placeOn(page, map.next), 'The next page is not at the same server.', 'Let the service name pages of its own.', 'partner.other_server'))
  return to.href
}

/** A service that gives no answer that can be used: why is its one problem, which is at no place. */
export function unreachable(message: string, code: string, facts: Facts = {}): Refused {
  return new Refused('connector.unreachable', 502, message, [{ severity: 'error', code, message, remedy: '', facts }])
}

/** The same for what a call to it threw. */
export function unreachableBy(thrown: unknown): Refused {
  if (!(thrown instanceof Fault)) return unreachable((thrown as Error).message, 'partner.away')
  const facts = Object.entries(thrown.facts).filter((one): one is [string, string | number] => typeof one[1] === 'string' || typeof one[1] === 'number')
  return unreachable(thrown.message, thrown.code, Object.fromEntries(facts))
}

function document(problem: Problem): Refused {
  return new Refused('connector.document', 422, problem.message, [problem])
}

const placeOn = (page: number, pointer: string) => (page > 1 ? `page ${page}: ${pointer}` : pointer)
