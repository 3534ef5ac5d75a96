import { randomBytes } from 'node:crypto'

/** Makes ids that no other process and no later start of this one makes: random prefix, then a counter. */
export function createIds(): { run(): string; message(): string } {
  const prefix = randomBytes(6).toString('base64url').replaceAll(/[^A-Za-z0-9]/g, 'x').toLowerCase()
  const half = randomBytes(4).toString('hex')
  let runs = 0
  let messages = randomBytes(4).readUInt32BE()
  return {
    run: () => `${prefix}-${(runs++).toString(36)}`,
    /** 16 hex digits, as Node-RED's `_msgid`. */
    message: () => half + ((messages = (messages + 1) >>> 0) + 0x1_0000_0000).toString(16).slice(1),
  }
}

/** An id that a trusted proxy gave, if it is one that can stand in a header, a log line and a page. */
export function isRequestId(text: unknown): text is string {
  return typeof text === 'string' && text.length <= 128 && /^[\w.:=+/-]+$/.test(text)
}
