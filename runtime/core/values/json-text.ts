import { Body } from '../http/body.ts'

/** Values looked at for bodies: a message puts them near the top. */
const mostLooks = 64
/** Levels of objects in which bodies are looked for. */
const deepestBody = 3

/**
 * The JSON text of a value, as `JSON.stringify` gives it. A JSON body in it that nobody has read is not parsed for that: its bytes
 * stand there as they came, once they are known to say the same to everybody. Bytes when there was such a body, else text.
 * @throws what `JSON.stringify` throws: for circles, and for bodies that are no JSON
 */
export function toJsonText(value: unknown): string | Buffer | undefined {
  if (!holdsBody(value, { left: mostLooks }, deepestBody)) return JSON.stringify(value)
  const parts: (string | Buffer)[] = []
  write(value as object, parts, deepestBody)
  return join(parts)
}

/** Texts are written where they stand: as buffers of their own they would cost more than the copying. */
function join(parts: readonly (string | Buffer)[]): Buffer {
  let size = 0
  for (const part of parts) size += typeof part === 'string' ? Buffer.byteLength(part) : part.length
  const all = Buffer.allocUnsafe(size)
  let at = 0
  for (const part of parts) at += typeof part === 'string' ? all.write(part, at) : part.copy(all, at)
  return all
}

function holdsBody(value: unknown, budget: { left: number }, depth: number): boolean {
  if (!isPlain(value)) return false
  for (const name in value) {
    if (--budget.left < 0) return false
    const inner = value[name]
    if (typeof inner !== 'object' || inner === null) continue
    if (inner instanceof Body ? inner.isUnread : depth > 1 && holdsBody(inner, budget, depth - 1)) return true
  }
  return false
}

/** Where bodies may lie. A class or a list writes itself. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === null) && typeof (value as { toJSON?: unknown }).toJSON !== 'function'
}

function write(object: object, parts: (string | Buffer)[], depth: number): void {
  let before = '{'
  for (const [name, value] of Object.entries(object)) {
    const bytes = value instanceof Body && value.isUnread ? value.plainJson() : undefined
    if (bytes === undefined && depth > 1 && holdsBody(value, { left: mostLooks }, depth - 1)) {
      parts.push(`${before}${JSON.stringify(name)}:`)
      write(value as object, parts, depth - 1)
    } else if (bytes === undefined) {
      const text = JSON.stringify(value)
      if (text === undefined) continue
      parts.push(`${before}${JSON.stringify(name)}:${text}`)
    } else parts.push(`${before}${JSON.stringify(name)}:`, bytes)
    before = ','
  }
  parts.push(before === '{' ? '{}' : '}')
}
