import { randomBytes } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { hashRoot, type AnchorReceipt, type SignedRoot } from '../../ledger/period-root.ts'
import { readTimestamp, timestampQueryType, toTimestampQuery } from '../../ledger/timestamp.ts'
import type { WitnessPost } from '../ledger-contract.ts'
import { WitnessProblem } from './witness-problem.ts'

/** A witness outside of the database, that is given each signed root. */
export interface Anchor {
  /** As it is kept beside what it was given: without what may be secret. */
  readonly name: string
  readonly kind: AnchorReceipt['kind']
  /** Resolves when the witness has it. @throws Error whose message may be shown */
  put(root: SignedRoot): Promise<{ readonly at?: string; readonly token?: string }>
  /** What it holds, where that can be asked. */
  read?(ledger: string): Promise<readonly AnchorReceipt[]>
  /** The newest period that it holds, likewise. */
  newest?(ledger: string): Promise<AnchorReceipt | undefined>
}

const timeoutMs = 15_000
const replyLimitBytes = 64 * 1024

/** `file:<path>`, `timestamp:<url>` or a URL, as the setting has them. */
export function toAnchor(text: string, { post, publicKey, now }: { readonly post: WitnessPost | undefined; readonly publicKey: string; readonly now: () => number }): Anchor {
  if (text.startsWith('file:')) return fileAnchor(text.slice('file:'.length), now)
  const send: WitnessPost = post ?? (() => Promise.reject(new Error('This process calls nobody.')))
  if (text.startsWith('timestamp:')) return timestampAnchor(text.slice('timestamp:'.length), send)
  return httpAnchor(text, send, publicKey)
}

/** A file that only grows: a line per root. What is broken off in it stays there. */
function fileAnchor(path: string, now: () => number): Anchor {
  const name = `file:${path}`
  const newest = createNewest(path)
  return {
    name,
    kind: 'file',
    async put(root) {
      try {
        const handle = await open(path, 'a+', 0o600)
        try {
          // A disk that was full took half of a line, perhaps: what comes behind it is a line of its own all the same.
          const { size } = await handle.stat()
          const { buffer } = size > 0 ? await handle.read(Buffer.alloc(1), 0, 1, size - 1) : { buffer: Buffer.from('\n') }
          await handle.appendFile(`${buffer[0] === 10 ? '' : '\n'}${JSON.stringify({ root, hash: hashRoot(root), at: new Date(now()).toISOString() })}\n`)
          await handle.sync()
        } finally {
          await handle.close()
        }
      } catch (thrown) {
        throw new WitnessProblem('witness.file', { reason: (thrown as NodeJS.ErrnoException).code ?? 'unknown' }, { cause: thrown })
      }
      return {}
    },
    read: async (ledger) => (await readAnchorFile(path)).filter((receipt) => receipt.ledger === ledger),
    newest,
  }
}

/** What a file anchor holds; what is not there, or no line of one, is left out: a witness that is gone says nothing. */
export async function readAnchorFile(path: string): Promise<readonly AnchorReceipt[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch {
    return []
  }
  return text.split('\n').flatMap((line) => parseLine(line, path))
}

function parseLine(line: string, path: string): AnchorReceipt[] {
  try {
    const { root, hash, at } = JSON.parse(line) as { root: SignedRoot; hash: string; at: string }
    return [{ ledger: root.ledger, period: root.period, hash, kind: 'file', anchor: `file:${path}`, at }]
  } catch {
    return []
  }
}

const chunkBytes = 256 * 1024

/** Reads of a file that grows only what came since; one that has become smaller is another one, and is read anew. */
function createNewest(path: string): (ledger: string) => Promise<AnchorReceipt | undefined> {
  let newest = new Map<string, AnchorReceipt>()
  let readTo = 0

  async function readOn(): Promise<void> {
    const handle = await open(path, 'r')
    try {
      const { size } = await handle.stat()
      if (size < readTo) {
        newest = new Map()
        readTo = 0
      }
      let rest = Buffer.alloc(0)
      for (let at = readTo; at < size; ) {
        const { bytesRead, buffer } = await handle.read(Buffer.alloc(chunkBytes), 0, chunkBytes, at)
        if (bytesRead === 0) break
        at += bytesRead
        const text = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
        const end = text.lastIndexOf(10) + 1
        for (const receipt of text.subarray(0, end).toString('utf8').split('\n').flatMap((line) => parseLine(line, path))) {
          if (receipt.period > (newest.get(receipt.ledger)?.period ?? 0)) newest.set(receipt.ledger, receipt)
        }
        rest = text.subarray(end)
        readTo = at - rest.length
      }
    } finally {
      await handle.close()
    }
  }

  return async (ledger) => {
    try {
      await readOn()
    } catch {
      return undefined // it is gone, or cannot be read: a witness that is gone says nothing
    }
    return newest.get(ledger)
  }
}

function httpAnchor(url: string, post: WitnessPost, publicKey: string): Anchor {
  return {
    name: shown(url),
    kind: 'http',
    async put(root) {
      const hash = hashRoot(root)
      const body = Buffer.from(JSON.stringify({ sluice: 'ledger root', version: 1, root, hash, publicKey }), 'utf8')
      const { status } = await post({ url, headers: { 'content-type': 'application/json', 'idempotency-key': hash }, body, timeoutMs, limitBytes: replyLimitBytes })
      if (status < 200 || status > 299) throw new WitnessProblem('witness.status', { status, expected: '2xx' })
      return {}
    },
  }
}

/** RFC 3161 over HTTP (§3.4). */
function timestampAnchor(url: string, post: WitnessPost): Anchor {
  return {
    name: `timestamp:${shown(url)}`,
    kind: 'timestamp',
    async put(root) {
      const hash = hashRoot(root)
      const nonce = randomBytes(8)
      const { status, body } = await post({ url, headers: { 'content-type': timestampQueryType }, body: toTimestampQuery(hash, nonce), timeoutMs, limitBytes: replyLimitBytes })
      if (status !== 200) throw new WitnessProblem('witness.status', { status, expected: '200' })
      const { at } = readTimestamp(body, hash, nonce)
      return { at, token: body.toString('base64') }
    },
  }
}

/** User, password and query of a URL may be secret. */
function shown(text: string): string {
  try {
    const url = new URL(text)
    return `${url.origin}${url.pathname}`
  } catch {
    return text
  }
}
