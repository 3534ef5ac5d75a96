import type { IncomingMessage } from 'node:http'
import { Refused } from '../../control/contract.ts'
import { parseJson as parseText } from '../../runtime/core/values/json-depth.ts'

/** The body's bytes. @throws Refused `body.too_large` 413 */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > limitBytes) throw new Refused('body.too_large', 413, `The body is larger than the limit of ${limitBytes} bytes.`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

/** A JSON body. @throws Refused `body.malformed` 400, `body.too_large` 413 */
export async function readJson(request: IncomingMessage, limitBytes: number): Promise<unknown> {
  return parseJson(await readBody(request, limitBytes), (bytes) => (bytes.length === 0 ? undefined : parseText(bytes.toString('utf8'), bytes)))
}

/** What `read` makes of a body. @throws Refused `body.malformed` 400 when it throws */
export function parseJson(bytes: Buffer, read: (bytes: Buffer) => unknown): unknown {
  try {
    return read(bytes)
  } catch (cause) {
    throw new Refused('body.malformed', 400, `The body is not valid JSON: ${(cause as Error).message}.`)
  }
}

/** Fields of an HTML form (application/x-www-form-urlencoded). */
export async function readForm(request: IncomingMessage, limitBytes = 64 * 1024): Promise<URLSearchParams> {
  return new URLSearchParams((await readBody(request, limitBytes)).toString('utf8'))
}

/** A JSON value as an object with nothing known about its fields. @throws Refused `body.malformed` 400 */
export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Refused('body.malformed', 400, 'The body must be a JSON object.')
}
