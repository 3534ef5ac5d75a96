import { fstatSync, write, writeSync } from 'node:fs'

/** Where lines go. */
export interface LineWriter {
  /** Takes a line, newline included. Costs no system call. */
  write(line: string): void
  /** Writes everything out before it returns, as far as the reader takes it. */
  flush(): void
  /** Lines that were dropped because the reader did not keep up. */
  dropped(): number
  close(): void
}

const batchChars = 64 * 1024
const batchMs = 50
/** What may wait for a slow reader; more is dropped, because memory and callers matter more than log lines. */
const heldChars = 8 * 1024 * 1024
const flushTries = 100

/**
 * Collects lines and hands them on in batches: to a function, or to a file descriptor. A pipe or terminal is
 * never waited for. A regular file is written at once: it takes a batch without delay, and handing it to another
 * thread would cost more than the write.
 */
export function createLineWriter(to: number | ((text: string) => void)): LineWriter {
  let batch = ''
  let waiting: string[] = []
  let waitingChars = 0
  let lost = 0
  let lostSince = 0
  let busy = false
  let timer: NodeJS.Timeout | undefined
  const direct = typeof to === 'number' && isFile(to)

  function take(): void {
    clearTimeout(timer)
    timer = undefined
    if (batch === '' && lostSince === 0) return
    const text = lostSince === 0 ? batch : `${batch}${lossLine(lostSince)}`
    lostSince = 0
    batch = ''
    if (typeof to === 'function') {
      to(text)
      return
    }
    if (direct) {
      writeOut(to, Buffer.from(text, 'utf8'))
      return
    }
    waiting.push(text)
    waitingChars += text.length
    pump(to)
  }

  function pump(fd: number): void {
    if (busy || waiting.length === 0) return
    const bytes = Buffer.from(waiting.join(''), 'utf8')
    waiting = []
    waitingChars = 0
    busy = true
    writeAll(fd, bytes)
  }

  function writeAll(fd: number, bytes: Buffer): void {
    unwritten = bytes
    write(fd, bytes, (error, written) => {
      if (unwritten !== bytes) return // flushed meanwhile
      if (error && error.code !== 'EAGAIN') {
        done(fd) // the reader is gone: there is nobody to tell
        return
      }
      const rest = bytes.subarray(error ? 0 : written)
      if (rest.length === 0) done(fd)
      else setTimeout(() => unwritten === bytes && writeAll(fd, rest), error ? 10 : 0).unref()
    })
  }

  let unwritten: Buffer | undefined

  function done(fd: number): void {
    unwritten = undefined
    busy = false
    pump(fd)
  }

  return {
    write(line) {
      if (waitingChars > heldChars) {
        lost++
        lostSince++
        return
      }
      batch += line
      if (batch.length >= batchChars) take()
      else timer ??= setTimeout(take, batchMs).unref()
    },
    flush() {
      take()
      if (typeof to === 'function') return
      // An asynchronous write that is under way cannot be taken back: it ends by itself.
      const bytes = Buffer.from(waiting.join(''), 'utf8')
      waiting = []
      waitingChars = 0
      writeOut(to, bytes)
    },
    dropped: () => lost,
    close() {
      this.flush()
      clearTimeout(timer)
    },
  }
}

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile()
  } catch {
    return false
  }
}

function lossLine(count: number): string {
  return `{"level":"warn","time":"${new Date().toISOString()}","dropped":${count},"msg":"Log lines were dropped because nobody read them in time."}\n`
}

function writeOut(fd: number, bytes: Buffer): void {
  let at = 0
  for (let tries = 0; at < bytes.length && tries < flushTries; ) {
    try {
      at += writeSync(fd, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
      tries++
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}
