import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Refused } from '../../control/contract.ts'

export function sendText(response: ServerResponse, status: number, contentType: string, text: string): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) })
  response.end(response.req.method === 'HEAD' ? undefined : text)
}

/** Sends a text piece by piece. One that breaks off is cut, so that nobody takes a part for the whole. */
export async function sendPieces(response: ServerResponse, status: number, contentType: string, pieces: AsyncIterable<string>): Promise<void> {
  response.writeHead(status, { 'content-type': contentType })
  if (response.req.method === 'HEAD') return void response.end()
  await pipeline(Readable.from(pieces), response).catch(() => {})
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  sendText(response, status, 'application/json; charset=utf-8', JSON.stringify(value))
}

export function sendHtml(response: ServerResponse, status: number, html: { toString(): string }): void {
  sendText(response, status, 'text/html; charset=utf-8', html.toString())
}

/** Sends the browser elsewhere with GET (RFC 9110 §15.4.4). */
export function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { location, 'content-length': 0 })
  response.end()
}

/** RFC 9457 problem document. `code` is stable, `detail` is for people. */
export function sendProblem(response: ServerResponse, thrown: unknown): void {
  const refused = toRefused(thrown)
  const problem = {
    type: 'about:blank',
    title: titles[refused.status] ?? 'Refused',
    status: refused.status,
    code: refused.code,
    detail: refused.message,
    ...(Object.keys(refused.facts).length > 0 ? { facts: refused.facts } : {}),
    ...(refused.problems.length > 0 ? { problems: refused.problems } : {}),
  }
  sendText(response, refused.status, 'application/problem+json; charset=utf-8', JSON.stringify(problem))
}

/** What was thrown, as something that may be shown: a refusal stays itself, anything else says nothing about the inside. */
export function toRefused(thrown: unknown): Refused {
  if (thrown instanceof Refused) return thrown
  // Control may live behind another copy of the class; its shape is what counts.
  const like = thrown as Partial<Refused> | undefined
  if (typeof like?.code === 'string' && typeof like.status === 'number' && like.status >= 400) {
    return new Refused(like.code, like.status, like.message ?? like.code, like.problems, like.facts)
  }
  return new Refused('control.error', 500, 'Something went wrong inside. The log says more.')
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Sign in first',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  412: 'Changed meanwhile',
  413: 'Body too large',
  422: 'Refused',
  428: 'Say which version',
  429: 'Too many attempts',
  500: 'Internal error',
  503: 'Unavailable',
}
