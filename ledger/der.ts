/** The little of DER (ITU-T X.690) that time stamps need. */
export interface DerItem {
  readonly tag: number
  readonly value: Buffer
  /** With its head. */
  readonly whole: Buffer
}

export const tags = { integer: 0x02, octets: 0x04, null: 0x05, oid: 0x06, generalizedTime: 0x18, sequence: 0x30, set: 0x31, boolean: 0x01 } as const

export function toDer(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts)
  const { length } = value
  if (length < 128) return Buffer.concat([Buffer.from([tag, length]), value])
  const digits = Buffer.from(length.toString(16).padStart(length.toString(16).length + (length.toString(16).length % 2), '0'), 'hex')
  return Buffer.concat([Buffer.from([tag, 0x80 | digits.length]), digits, value])
}

/** A whole number that is not negative. */
export function toDerInteger(bytes: Buffer): Buffer {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const short = bytes.subarray(start)
  return toDer(tags.integer, (short[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), short]) : short)
}

export function toDerOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes: number[] = []
  for (const arc of [first * 40 + second, ...rest]) {
    const digits = [arc & 0x7f]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left & 0x7f) | 0x80)
    bytes.push(...digits)
  }
  return toDer(tags.oid, Buffer.from(bytes))
}

/** The items that lie behind each other in some bytes. @throws Error when they are no DER */
export function readDer(bytes: Buffer): DerItem[] {
  const items: DerItem[] = []
  let at = 0
  while (at < bytes.length) {
    const tag = bytes[at] as number
    let length = bytes[at + 1]
    let head = 2
    if (length === undefined) throw new Error('it ends in the middle')
    if (length & 0x80) {
      const digits = length & 0x7f
      if (digits === 0 || digits > 4 || at + 2 + digits > bytes.length) throw new Error('a length is not DER')
      length = bytes.readUIntBE(at + 2, digits)
      head += digits
    }
    const end = at + head + length
    if (end > bytes.length) throw new Error('it ends in the middle')
    items.push({ tag, value: bytes.subarray(at + head, end), whole: bytes.subarray(at, end) })
    at = end
  }
  return items
}

/** The items of a constructed one. @throws Error when it is not of this tag */
export function within(item: DerItem | undefined, tag: number = tags.sequence): DerItem[] {
  if (!item || item.tag !== tag) throw new Error('another structure was expected')
  return readDer(item.value)
}
