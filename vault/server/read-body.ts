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
    // By hand: an iterator that is left early takes the connection down, and the answer with it.
    await new Promise<void>((resolve, reject) => {
      request.on('data', (chunk: Buffer) => {
        size += chunk.length
        held.bytes += chunk.length
        if (size > limits.oneBytes) leave(fault('body.too_large', { limitBytes: limits.oneBytes }))
        else if (held.bytes > limits.allBytes) leave(fault('vault.unavailable'))
        else chunks.push(chunk)
      })
      request.on('end', resolve)
      for (const end of ['error', 'close']) request.on(end, () => reject(fault('request.malformed', { reason: 'it broke off' })))
      function leave(reason: Error): void {
        request.removeAllListeners('data')
        request.pause()
        reject(reason)
      }
    })
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
