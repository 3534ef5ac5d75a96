import { verify } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../runtime/core/time/clock.ts'
import type { Log } from '../runtime/core/log.ts'
import type { ReleaseSigner } from './keys/key-files.ts'
import { noAuditHash, parseAuditHead } from './store/audit-chain.ts'
import type { Tables } from './store/tables.ts'

/** How far the audit log is known outside of the database. */
export interface AnchorPoint {
  readonly number: number
  readonly hash: string
  /** Entries from here on carry the key. */
  readonly sealedFrom: number
}

/**
 * A file beside the database that holds number and hash of the newest entry, signed with the key that signs releases. Whoever
 * has only the database can cut off the end of the log, but cannot make the file forget it.
 */
export interface AuditAnchor {
  /** `undefined`: there is none; `forged`: there is one that this control did not write. */
  read(): Promise<AnchorPoint | undefined | 'forged'>
  /** Soon after: writes where the log stands, unless what is there contradicts it. */
  follow(): void
  close(): Promise<void>
}

const fileName = 'audit-anchor'
const gatherMs = 200

/** Opens the anchor in the data folder; nothing is written before `follow()`. */
export function createAuditAnchor(parts: { dataDir: string; store: Pick<Tables, 'audit'>; signer: ReleaseSigner; clock: Clock; log: Log }): AuditAnchor {
  const { store, signer, clock, log } = parts
  const file = join(parts.dataDir, fileName)
  let cancel: (() => void) | undefined
  let writing: Promise<void> = Promise.resolve()

  async function read(): Promise<AnchorPoint | undefined | 'forged'> {
    let text: string
    try {
      text = await readFile(file, 'utf8')
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw thrown
    }
    return parseAnchor(text, signer.publicKey)
  }

  async function advance(): Promise<void> {
    const { number, hash } = parseAuditHead(await store.audit.head())
    const known = await read()
    if (known === 'forged') return log.error({}, `the file ${fileName} was not written by this control: the audit log is not anchored any more`)
    if (known) {
      if (known.number === number && known.hash === hash) return
      const [row] = known.number === 0 ? [] : await store.audit.after(known.number - 1, 1)
      const there = known.number === 0 ? noAuditHash : row?.number === known.number ? row.hash : undefined
      if (number < known.number || there !== known.hash) {
        return log.error({ anchored: known.number, entries: number }, 'the audit log does not hold the entry that was last: its end was cut off or written anew')
      }
    }
    await write({ number, hash, sealedFrom: known?.sealedFrom ?? (await store.audit.firstSealed()) ?? number + 1 })
  }

  async function write(point: AnchorPoint): Promise<void> {
    const body = { ...point, at: new Date(clock.now()).toISOString() }
    const temporary = `${file}.new`
    const handle = await open(temporary, 'w', 0o600)
    try {
      await handle.writeFile(`${JSON.stringify({ ...body, signature: signer.sign(toSigned(body)) })}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  }

  const flush = () => {
    cancel = undefined
    writing = writing.then(advance).catch((thrown: unknown) => log.error({ reason: (thrown as Error).message }, 'the audit log could not be anchored; trying again with the next entry'))
    return writing
  }

  return {
    read,
    follow() {
      cancel ??= clock.setTimer(() => void flush(), gatherMs)
    },
    async close() {
      if (cancel) {
        cancel()
        void flush()
      }
      await writing
    },
  }
}

function toSigned({ number, hash, sealedFrom, at }: AnchorPoint & { readonly at: string }): string {
  return JSON.stringify(['sluice audit anchor', number, hash, sealedFrom, at])
}

function parseAnchor(text: string, publicKey: string): AnchorPoint | 'forged' {
  try {
    const { number, hash, sealedFrom, at, signature } = JSON.parse(text) as AnchorPoint & { at: string; signature: string }
    const good = verify(null, Buffer.from(toSigned({ number, hash, sealedFrom, at }), 'utf8'), publicKey, Buffer.from(signature, 'base64'))
    return good ? { number, hash, sealedFrom } : 'forged'
  } catch {
    return 'forged'
  }
}
