import type { IncomingMessage } from 'node:http'
import { parseJson } from '../../runtime/core/values/json-depth.ts'

/** The JSON body of a request, or `undefined` when it is too large, broken off or no JSON object. Never more than `limitBytes` in memory. */
export async function readJson(request: IncomingMessage, limitBytes: number): Promise<Record<string, unknown> | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) return undefined
  const parts: Buffer[] = []
  let bytes = 0
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      bytes += part.length
      if (bytes > limitBytes) return undefined
      parts.push(part)
    }
    const whole = Buffer.concat(parts)
    const value = parseJson(whole.toString('utf8'), whole)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
