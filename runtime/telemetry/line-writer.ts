import { fstatSync, write, writeSync } from 'node:fs'

/** Where lines go. */
export interface LineWriter {
  /** Takes a line, newline included. Costs no system call. */
  write(line: string): void
  /**
   * Takes a line of at most `mostBytes` that `fill` writes at `at`, giving back where it ends: what is written for
   * every request makes no string that has to be joined, copied and collected.
   */
  writeBytes(mostBytes: number, fill: (into: Buffer, at: number) => number): void
  /** Writes everything out before it returns, as far as the reader takes it. */
  flush(): void
  /** Lines that were dropped because the reader did not keep up. */
  dropped(): number
  close(): void
}

const batchBytes = 64 * 1024
const batchMs = 50
/** What may wait for a slow reader; more is dropped, because memory and callers matter more than log lines. */
const heldBytes = 8 * 1024 * 1024
const flushTries = 100

/**
 * Collects lines and hands them on in batches: to a function, or to a file descriptor. A pipe or terminal is
 * never waited for. A regular file is written at once: it takes a batch without delay, and handing it to another
 * thread would cost more than the write.
 */
export function createLineWriter(to: number | ((text: string) => void)): LineWriter {
  let batch = Buffer.allocUnsafeSlow(batchBytes)
  let end = 0
  let waiting: Buffer[] = []
  let waitingBytes = 0
  let lost = 0
  let lostSince = 0
  let unwritten: Buffer | undefined
  let timer: NodeJS.Timeout | undefined
  const direct = typeof to === 'number' && isFile(to)

  /** Room for a line of that many bytes in the batch; false when the line is to be dropped. */
  function makeRoom(mostBytes: number): boolean {
    if (waitingBytes > heldBytes) {
      lost++
      lostSince++
      return false
    }
    if (end + mostBytes > batch.length) take()
    if (mostBytes > batch.length) batch = Buffer.allocUnsafeSlow(mostBytes)
    return true
  }

  function added(at: number): void {
    end = at
    if (end >= batchBytes) take()
    else timer ??= setTimeout(take, batchMs).unref()
  }

  function take(): void {
    clearTimeout(timer)
    timer = undefined
    if (end > 0) handOn(batch.subarray(0, end))
    end = 0
    if (lostSince === 0) return
    const line = Buffer.from(lossLine(lostSince))
    lostSince = 0
    handOn(line)
  }

  function handOn(bytes: Buffer): void {
    if (typeof to === 'function') to(bytes.toString('utf8'))
    else if (direct) writeOut(to, bytes)
    else {
      waiting.push(bytes)
      waitingBytes += bytes.length
      if (bytes.buffer === batch.buffer) batch = Buffer.allocUnsafeSlow(batchBytes)
      pump(to)
    }
  }

  function pump(fd: number): void {
    if (unwritten || waiting.length === 0) return
    writeAll(fd, takeWaiting())
  }

  function takeWaiting(): Buffer {
    const bytes = waiting.length === 1 ? (waiting[0] as Buffer) : Buffer.concat(waiting)
    waiting = []
    waitingBytes = 0
    return bytes
  }

  function writeAll(fd: number, bytes: Buffer): void {
    unwritten = bytes
    write(fd, bytes, (error, written) => {
      // A reader that is gone takes nothing more: there is nobody to tell.
      const rest = bytes.subarray(!error ? written : error.code === 'EAGAIN' ? 0 : bytes.length)
      if (rest.length > 0) {
        setTimeout(writeAll, error ? 10 : 0, fd, rest).unref()
        return
      }
      unwritten = undefined
      pump(fd)
    })
  }

  return {
    write(line) {
      // UTF-8 takes at most three bytes for each unit of UTF-16.
      if (makeRoom(line.length * 3)) added(end + batch.write(line, end))
    },
    writeBytes(mostBytes, fill) {
      if (makeRoom(mostBytes)) added(fill(batch, end))
    },
    flush() {
      take()
      // An asynchronous write that is under way cannot be taken back: it ends by itself.
      if (typeof to === 'number') writeOut(to, takeWaiting())
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
