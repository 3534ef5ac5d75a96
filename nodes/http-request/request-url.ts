import { stringify } from 'node:querystring'
import { fault } from '../../runtime/core/fault.ts'
import { shownUrl } from '../../runtime/core/upstream/shown-url.ts'

/** A URL ready to be called, and the credentials that stood in it. */
export interface RequestUrl {
  readonly url: URL
  readonly user: string
  readonly password: string
}

/**
 * Reads a URL as Node-RED's http request does: without a scheme it is http, or https under a TLS
 * configuration; a `%` in the query that encodes nothing is taken as itself.
 * @throws Fault `upstream.url`
 */
export function toRequestUrl(text: string, hasTls: boolean): RequestUrl {
  let whole = text.trim()
  if (whole.includes('://') ? !/^https?:/i.test(whole) : false) throw refuse(whole)
  if (!/^https?:\/\//i.test(whole)) whole = `${hasTls ? 'https' : 'http'}://${whole}`
  const question = whole.indexOf('?')
  if (question !== -1) whole = whole.slice(0, question) + whole.slice(question).replace(/%(?![\da-f]{2})/gi, '%25')
  if (!URL.canParse(whole)) throw refuse(whole)
  const url = new URL(whole)
  const user = decode(url.username)
  const password = decode(url.password)
  url.username = ''
  url.password = ''
  return { url, user, password }
}

/** Adds an object to the query. @throws Fault `step.config` for anything else */
export function addToQuery(url: URL, payload: unknown): void {
  if (typeof payload !== 'object' || payload === null || payload instanceof Uint8Array) {
    throw fault('step.config', { message: 'The payload cannot be added to the query: it is no object.' })
  }
  const added = stringify(payload as Record<string, string>)
  if (added !== '') url.search = url.search === '' ? added : `${url.search}&${added}`
}

function refuse(text: string): Error {
  return fault('upstream.url', { url: shownUrl(text) })
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // a lone % in a password is itself
  }
}
