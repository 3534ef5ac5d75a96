import type { IncomingMessage } from 'node:http'
import { fault } from '../../runtime/core/fault.ts'

/** What bodies of all requests together may hold, and one of them. */
export interface BodyLimits {
  readonly oneBytes: number
  readonly allBytes: number
}

/** Bytes that are being read, of all requests. */
export interface Held {
  bytes: number
}

/**
 * The JSON of a body. `held` counts what is held for all requests until `done` is called.
 * @throws Fault `body.too_large`, `body.malformed` (which quotes nothing), `vault.unavailable` when others hold too much
 */
export async function readJson(request: IncomingMessage, held: Held, limits: BodyLimits): Promise<{ value: unknown; done: () => void }> {
  let size = 0
  const done = () => {
    held.bytes -= size
    size = 0
  }
  const said = Number(request.headers['content-length'] ?? 0)
  if (said > limits.oneBytes) throw fault('body.too_large', { limitBytes: limits.oneBytes })
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length
      held.bytes += chunk.length
      if (size > limits.oneBytes) throw fault('body.too_large', { limitBytes: limits.oneBytes })
      if (held.bytes > limits.allBytes) throw fault('vault.unavailable')
      chunks.push(chunk)
    }
    return { value: parse(chunks), done }
  } catch (thrown) {
    done()
    throw thrown
  }
}

function parse(chunks: readonly Buffer[]): unknown {
  if (chunks.length === 0) return undefined
  const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    throw fault('body.malformed', { reason: 'it is no JSON' }) // the parser's own words quote the text
  }
}
