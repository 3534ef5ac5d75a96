import { Fault } from '../../../runtime/core/fault.ts'
import type { HideText } from '../../../runtime/core/secrets/secret-forms.ts'

/** Headers of an answer that hold a URL, which may be the one that was called, with its query. */
const urlHeaders = ['location', 'content-location', 'link', 'refresh'] as const

type Headers = Readonly<Record<string, string | string[]>>

/** What an answer says of the way to it. */
interface Way {
  readonly url: string
  readonly headers: Headers
  readonly redirects?: readonly { readonly url: string; readonly status: number; readonly setCookie?: readonly string[] }[]
}

/**
 * An answer as messages may have it: where its URL, those that led to it, or a header with a URL hold a secret of the flow, something else stands in
 * its place. What the service writes into its body is its own. The same answer when there is none.
 */
export function withoutSecrets<R extends Way>(reply: R, hide: HideText | undefined): R {
  if (!hide) return reply
  const headers: Record<string, string | string[]> = { ...reply.headers }
  for (const name of urlHeaders) {
    const value = headers[name]
    if (value !== undefined) headers[name] = typeof value === 'string' ? hide(value) : value.map((one) => hide(one))
  }
  return { ...reply, headers, url: hide(reply.url), ...(reply.redirects ? { redirects: reply.redirects.map((hop) => ({ ...hop, url: hide(hop.url) })) } : {}) }
}

/** A fault whose text and facts do not hold a secret of the flow. */
export function faultWithoutSecrets(reason: Fault, hide: HideText | undefined): Fault {
  if (!hide) return reason
  const facts = Object.fromEntries(Object.entries(reason.facts).map(([name, value]) => [name, typeof value === 'string' ? hide(value) : value]))
  return new Fault(reason.code, reason.status, reason.title, hide(reason.message), facts, reason.cause, reason.headers)
}
