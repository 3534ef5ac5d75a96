import { open, readdir, readFile, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../core/make-folder.ts'
import type { TravellingRecord } from '../core/ledger.ts'

/** Records on their way, on the disk of this gateway: files of a line per record, each gone when control has all of it. */
export interface Journal {
  /** What a process before this one left, oldest first; given once, and not held after. */
  takeLeft(): readonly { readonly record: TravellingRecord; readonly bytes: number; done(): void }[]
  /** Resolves when the record lies on the disk; `done` says that control has it. @throws the system's error */
  write(text: string): Promise<{ done(): void }>
  close(): Promise<void>
}

interface Segment {
  readonly file: string
  readonly handle: FileHandle | undefined
  sizeBytes: number
  /** Records that control does not have yet. */
  pending: number
}

/** A file is left for a new one when it is so large. */
const segmentBytes = 1024 * 1024

/** Opens the journal in a folder of this gateway alone; what is there is read, and always written to a new file. */
export async function openJournal(folder: string): Promise<Journal> {
  makeFolder(folder, 0o700)
  const names = (await readdir(folder)).filter((name) => /^\d{12}\.jsonl$/.test(name)).sort()
  let number = Number(names.at(-1)?.slice(0, 12) ?? 0)
  let current: Segment | undefined
  let waiting: { readonly text: string; resolve(segment: Segment): void; reject(thrown: unknown): void }[] = []
  let writing: Promise<void> | undefined
  let closed = false
  const left: { record: TravellingRecord; bytes: number; done(): void }[] = []

  for (const name of names) {
    const segment: Segment = { file: join(folder, name), handle: undefined, sizeBytes: 0, pending: 0 }
    for (const line of (await readFile(segment.file, 'utf8')).split('\n')) {
      const record = parse(line)
      if (!record) continue // the end of a line that was being written when the process was killed: nobody was told that it is there
      segment.pending++
      left.push({ record, bytes: Buffer.byteLength(line), done: once(() => done(segment)) })
    }
    if (segment.pending === 0) await rm(segment.file, { force: true })
  }

  function done(segment: Segment): void {
    segment.pending--
    if (segment.pending === 0 && segment !== current) void remove(segment)
  }

  async function remove({ file, handle }: Segment): Promise<void> {
    await handle?.close().catch(() => {})
    await rm(file, { force: true }).catch(() => {}) // read again by the next process; control knows the records by their ids
  }

  async function segmentFor(): Promise<Segment> {
    if (current && current.sizeBytes < segmentBytes) return current
    const file = join(folder, `${String(++number).padStart(12, '0')}.jsonl`)
    const segment: Segment = { file, handle: await open(file, 'ax', 0o600), sizeBytes: 0, pending: 0 }
    leave()
    return (current = segment)
  }

  /** Nothing is written to this file any more. */
  function leave(): void {
    const before = current
    current = undefined
    if (before?.pending === 0) void remove(before)
  }

  /** Whatever came meanwhile goes to the disk together. */
  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      let segment: Segment | undefined
      try {
        segment = await segmentFor()
        const text = batch.map((one) => `${one.text}\n`).join('')
        segment.pending += batch.length
        segment.sizeBytes += Buffer.byteLength(text)
        await segment.handle?.appendFile(text)
        await segment.handle?.datasync()
        for (const one of batch) one.resolve(segment)
      } catch (thrown) {
        // Half of a line may be there: the next one begins in another file. What was not acknowledged is not pending either.
        if (segment) {
          segment.pending -= batch.length
          leave()
        }
        for (const one of batch) one.reject(thrown)
      }
    }
    writing = undefined
  }

  return {
    takeLeft: () => left.splice(0),
    async write(text) {
      if (closed) throw new Error('closed')
      const segment = await new Promise<Segment>((resolve, reject) => {
        waiting.push({ text, resolve, reject })
        writing ??= flush()
      })
      return { done: once(() => done(segment)) }
    },
    async close() {
      closed = true
      await writing
      const last = current
      current = undefined
      await last?.handle?.close().catch(() => {})
      if (last?.pending === 0) await rm(last.file, { force: true }).catch(() => {})
    },
  }
}

function once(act: () => void): () => void {
  let done = false
  return () => {
    if (done) return
    done = true
    act()
  }
}

function parse(line: string): TravellingRecord | undefined {
  try {
    const record = JSON.parse(line) as TravellingRecord | null
    return typeof record?.id === 'string' ? record : undefined
  } catch {
    return undefined
  }
}
