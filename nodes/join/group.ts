import type { Message } from '../../runtime/core/message.ts'

/** What a group is put together to. */
export type Build = 'string' | 'buffer' | 'array' | 'object' | 'merged'

/** Messages of one run that belong together, as far as they have come. */
export interface Group {
  readonly build: Build
  /** Messages to wait for; `undefined` while nobody has said. */
  target: number | undefined
  /** Fields of all messages, later ones over earlier ones. */
  message: Message
  /** By position; positions that have not come are holes. */
  readonly items: unknown[]
  /** By key. A Map, so that no key can reach a prototype. */
  readonly fields: Map<string, unknown>
  count: number
  /** Messages taken, also those that replaced another. */
  messages: number
  /** Between the pieces of text or bytes. */
  readonly joiner: string | Buffer | undefined
  /** Arrays of this many items each were one array before they were split. */
  readonly arrayLength: number
  /** Ends the wait of the message that began a timeout. */
  expire: ((result: Message | undefined) => void) | undefined
  /** Begins the timeout anew. */
  restart: (() => void) | undefined
}

export function addItem(group: Group, value: unknown, index: number | undefined): void {
  if (index === undefined) {
    if (value === undefined) return
    group.items.push(value)
    group.count += 1
    return
  }
  if (group.items[index] === undefined) group.count += 1
  group.items[index] = value
}

export function addField(group: Group, key: string, value: unknown): void {
  group.fields.set(key, value)
  group.count = group.fields.size
}

/** Adds the fields of an object. `false` when it is none. */
export function addMerged(group: Group, value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  for (const [key, item] of Object.entries(value)) if (key !== '_msgid') group.fields.set(key, item)
  group.count = group.fields.size
  return true
}

/** The whole, of what has come so far. */
export function assemble(group: Group): unknown {
  switch (group.build) {
    case 'object':
    case 'merged':
      return Object.fromEntries(group.fields)
    case 'array':
      return group.arrayLength > 1 ? group.items.flat(1) : [...group.items]
    case 'string':
      return [...group.items].map(toPiece).join(String(group.joiner ?? ''))
    case 'buffer': {
      const pieces = group.items.map((item) => (item instanceof Uint8Array ? item : Buffer.from(Array.isArray(item) ? (item as number[]) : toPiece(item))))
      const joiner = group.joiner === undefined ? undefined : Buffer.from(group.joiner)
      return Buffer.concat(joiner ? pieces.flatMap((piece, index) => (index === 0 ? [piece] : [joiner, piece])) : pieces)
    }
  }
}

function toPiece(item: unknown): string {
  if (item === undefined || item === null) return ''
  return typeof item === 'object' && !(item instanceof Uint8Array) ? (Array.isArray(item) ? item.join(',') : JSON.stringify(item)) : String(item as string)
}
