import { randomBytes } from 'node:crypto'

/** The last three digits of ids. Counting in strings is several times cheaper than printing a number for each request. */
const low = Array.from({ length: 4096 }, (_, n) => n.toString(16).padStart(3, '0'))

/** Makes ids that no other process and no later start of this one makes: a random part, then a counter. */
export function createIds(): { run(): string; message(): string } {
  const prefix = randomBytes(6).toString('hex')
  const half = randomBytes(4).toString('hex')
  let runs = 0
  let runLead = `${prefix}-0`
  let messages = randomBytes(4).readUInt32BE() & ~4095
  let messageLead = lead(half, messages)
  return {
    run() {
      const id = runLead + low[runs & 4095]
      if ((++runs & 4095) === 0) runLead = `${prefix}-${(runs / 4096).toString(36)}`
      return id
    },
    /** 16 hex digits, as Node-RED's `_msgid`. */
    message() {
      const id = messageLead + low[messages & 4095]
      if ((++messages & 4095) === 0) messageLead = lead(half, messages)
      return id
    },
  }
}

function lead(half: string, counter: number): string {
  return half + (counter >>> 12).toString(16).padStart(5, '0')
}

/** An id that a trusted proxy gave, if it is one that can stand in a header, a log line and a page. */
export function isRequestId(text: unknown): text is string {
  return typeof text === 'string' && text.length <= 128 && /^[\w.:=+/-]+$/.test(text)
}
