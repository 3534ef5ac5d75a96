import { createHash } from 'node:crypto'
import { Body } from '../../runtime/core/http/body.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import { canonicalJson } from './canonical-json.ts'

/** A hash of what is asked for: method, URL, body and files. A body that nobody has read is taken byte by byte. */
export function fingerprintOf(message: Message, request: RequestFacts | undefined): string {
  const hash = createHash('sha256')
  if (request) hash.update(`${request.method} ${request.originalUrl}\n`)
  hash.update(toBytes(message.payload))
  for (const file of request?.files ?? []) hash.update(`\n${canonicalJson([file.fieldname, file.originalname, file.size])}\n`).update(file.buffer)
  return hash.digest('base64url')
}

function toBytes(payload: unknown): Uint8Array | string {
  if (payload === undefined) return ''
  if (payload instanceof Body) return payload.bytes()
  if (payload instanceof Uint8Array || typeof payload === 'string') return payload
  return canonicalJson(payload)
}
