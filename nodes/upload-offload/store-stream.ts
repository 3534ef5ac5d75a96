import { createHash } from 'node:crypto'
import { fault } from '../../runtime/core/fault.ts'
import type { Run } from '../../runtime/core/run.ts'
import type { Storage, StoredPart } from '../shared/storage/open-storage.ts'
import { agrees, sniffType } from './sniff-type.ts'

/** What stands in a message in the place of bytes. */
export interface Offloaded {
  readonly url: string
  readonly key: string
  readonly size: number
  /** Hex. */
  readonly sha256: string
  readonly type: string
}

export interface StoreLimits {
  /** Bytes of one object. */
  readonly limitBytes: number
  /** What is smaller stays. */
  readonly aboveBytes: number
  readonly partBytes: number
  /** Types taken, such as `image/*`; empty: all. */
  readonly types: readonly string[]
  readonly checkContent: boolean
}

export interface StoreFacts {
  readonly key: string
  readonly type: string
  readonly storage: Storage
  readonly limits: StoreLimits
  readonly run: Run
}

/**
 * Stores a stream while it comes: one part of it is held at a time. What comes to nothing is taken away again.
 * @returns what was stored, or the bytes when they are too few to be
 * @throws Fault `body.too_large`, `body.unsupported`, `storage.refused` and what reading the stream throws
 */
export async function storeStream(stream: AsyncIterable<Buffer>, { key, type, storage, limits, run }: StoreFacts): Promise<Offloaded | Buffer> {
  const { limitBytes, aboveBytes, partBytes } = limits
  if (!isTaken(type, limits.types)) throw fault('body.unsupported', { type })
  const hash = createHash('sha256')
  const parts: StoredPart[] = []
  let held: Buffer[] = []
  let heldBytes = 0
  let size = 0
  let upload: string | undefined
  let isStored = false
  let isLooked = !limits.checkContent

  function look(): void {
    if (isLooked) return
    isLooked = true
    const seen = sniffType(Buffer.concat(held, Math.min(heldBytes, 64)))
    if (!agrees(type, seen)) throw fault('body.unsupported', { type: `${type}, which is ${seen ?? 'something else'}` })
  }
  async function flush(): Promise<void> {
    look()
    upload ??= await storage.begin(key, type, run)
    const body = Buffer.concat(held)
    held = []
    heldBytes = 0
    parts.push(await storage.putPart(key, upload, parts.length + 1, body, run))
  }

  try {
    for await (const chunk of stream) {
      size += chunk.length
      if (size > limitBytes) throw fault('body.too_large', { limitBytes })
      hash.update(chunk)
      held.push(chunk)
      heldBytes += chunk.length
      if (heldBytes >= partBytes) await flush()
    }
    look()
    if (upload === undefined) {
      const body = Buffer.concat(held)
      if (size <= aboveBytes) return body
      isStored = true
      await storage.put(key, body, type, run)
    } else {
      if (heldBytes > 0) await flush()
      await storage.complete(key, upload, parts, run)
    }
    return { url: storage.urlOf(key), key, size, sha256: hash.digest('hex'), type }
  } catch (error) {
    if (upload !== undefined || isStored) await storage.abort(key, upload)
    throw error
  }
}

function isTaken(type: string, types: readonly string[]): boolean {
  return types.length === 0 || types.some((one) => one === type || one === '*/*' || (one.endsWith('/*') && type.startsWith(one.slice(0, -1))))
}
