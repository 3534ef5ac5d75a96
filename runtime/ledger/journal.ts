import { open, readdir, readFile, rename, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../core/files/make-folder.ts'
import { syncFolder } from '../core/files/sync-folder.ts'
import type { TravellingRecord } from '../core/state/ledger.ts'

/** Records on their way, on the disk of this gateway: files of a line per record, each gone when control has all of it. */
export interface Journal {
  /** Lines of processes before this one that cannot be read any more; the files that hold them are put aside as `*.damaged`. */
  readonly damaged: number
  /** What a process before this one left, oldest first; given once, and not held after. */
  takeLeft(): readonly { readonly record: TravellingRecord; readonly bytes: number; done(): void }[]
  /** Resolves when the record lies on the disk; `done` says that control has it. @throws the system's error */
  write(text: string): Promise<{ done(): void }>
  close(): Promise<void>
}

interface Segment {
  readonly file: string
  /** While it may be written to; closed by `leave`. */
  readonly handle: FileHandle | undefined
  /** Of whole batches that lie on the disk. */
  sizeBytes: number
  /** Records that control does not have yet. */
  pending: number
  /** It holds lines that cannot be read: it is evidence, and is not removed. */
  readonly damaged: boolean
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
  let damaged = 0
  const left: { record: TravellingRecord; bytes: number; done(): void }[] = []

  for (const name of names) {
    const file = join(folder, name)
    // What stands behind the last end of a line was being written when the process was killed: nobody was told that it is there.
    const lines = (await readFile(file, 'utf8')).split('\n')
    const records = lines.map(parse)
    const bad = records.slice(0, -1).filter((record, place) => !record && lines[place] !== '').length
    damaged += bad
    const segment: Segment = { file, handle: undefined, sizeBytes: 0, pending: 0, damaged: bad > 0 }
    for (const [place, record] of records.entries()) {
      if (!record) continue
      segment.pending++
      left.push({ record, bytes: Buffer.byteLength(lines[place] ?? ''), done: once(() => done(segment)) })
    }
    if (segment.pending === 0) await remove(segment)
  }

  function done(segment: Segment): void {
    segment.pending--
    if (segment.pending === 0 && segment !== current) void remove(segment)
  }

  /** Control has all of it. What fails here is done by the next process; control knows the records by their ids. */
  async function remove({ file, damaged: evidence }: Segment): Promise<void> {
    if (evidence) await rename(file, `${file}.damaged`).catch(() => {})
    else await rm(file, { force: true }).catch(() => {})
  }

  async function segmentFor(): Promise<Segment> {
    if (current && current.sizeBytes < segmentBytes) return current
    const file = join(folder, `${String(++number).padStart(12, '0')}.jsonl`)
    const handle = await open(file, 'ax', 0o600)
    await syncFolder(folder)
    await leave()
    return (current = { file, handle, sizeBytes: 0, pending: 0, damaged: false })
  }

  /** Nothing is written to this file any more: whether it waits for control or not, it is not held open. */
  async function leave(): Promise<void> {
    const before = current
    current = undefined
    await before?.handle?.close().catch(() => {})
    if (before?.pending === 0) await remove(before)
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
        await segment.handle?.appendFile(text)
        await segment.handle?.datasync()
        segment.sizeBytes += Buffer.byteLength(text)
        for (const one of batch) one.resolve(segment)
      } catch (thrown) {
        // A full disk may have taken a part. Nobody is told that any of it is there, so it is taken out; and the next one begins in
        // another file, should that fail as well.
        if (segment) {
          segment.pending -= batch.length
          await segment.handle?.truncate(segment.sizeBytes).catch(() => {})
          await leave()
        }
        for (const one of batch) one.reject(thrown)
      }
    }
    writing = undefined
  }

  return {
    damaged,
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
      await leave()
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
