/**
 * How a value crosses between host and guest as text. Runs on both sides, so it uses nothing that is
 * not part of the language. Values that JSON carries faithfully travel as JSON; everything else
 * (bytes, dates, maps, undefined, cycles, shared references) as a flat table of tagged entries.
 */

const deepest = 400

/**
 * True when `JSON.parse(JSON.stringify(value))` would give an equal value.
 * @param plain the prototype of plain objects, which is another one for a value of another context
 */
export function isJson(value, depth = 0, plain = Object.prototype) {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return value - value === 0 && (value !== 0 || 1 / value > 0)
    case 'object':
      break
    default:
      return false
  }
  if (value === null) return true
  if (depth > deepest) return false
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isJson(value[i], depth + 1, plain)) return false
    return true
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== plain && prototype !== null) return false
  for (const key in value) if (!isJson(value[key], depth + 1, plain) || key === '__proto__') return false
  return true
}

/**
 * @param value anything but functions and symbols
 * @param bytesToText base64 of a Uint8Array
 * @param replace looks at every object first; what it returns other than undefined stands for it
 * @throws TypeError that names the place of a value that cannot travel
 */
export function pack(value, bytesToText, replace) {
  const table = []
  const seen = new Map()
  const add = (entry) => table.push(entry) - 1
  const visit = (v, path) => {
    switch (typeof v) {
      case 'undefined':
        return add(['u'])
      case 'bigint':
        return add(['n', String(v)])
      case 'number':
        return v - v !== 0 || (v === 0 && 1 / v < 0) ? add(['f', Object.is(v, -0) ? '-0' : String(v)]) : add([0, v])
      case 'function':
      case 'symbol':
        throw new TypeError(`a ${typeof v} at ${path || 'the top'}`)
      case 'object':
        break
      default:
        return add([0, v])
    }
    if (v === null) return add([0, null])
    const known = seen.get(v)
    if (known !== undefined) return known
    const other = replace && replace(v)
    if (other !== undefined) return visit(other, path)
    if (v instanceof Uint8Array) return keep(v, ['b', bytesToText(v)])
    if (v instanceof ArrayBuffer) return keep(v, ['b', bytesToText(new Uint8Array(v))])
    if (ArrayBuffer.isView(v)) return keep(v, ['b', bytesToText(new Uint8Array(v.buffer, v.byteOffset, v.byteLength))])
    if (v instanceof Date) return keep(v, ['d', v.getTime()])
    if (v instanceof RegExp) return keep(v, ['r', v.source, v.flags])
    const entry = []
    const id = keep(v, entry)
    if (Array.isArray(v)) {
      const items = []
      for (let i = 0; i < v.length; i++) items.push(visit(v[i], `${path}[${i}]`))
      entry.push('a', items)
    } else if (v instanceof Map) {
      const items = []
      for (const [key, item] of v) items.push([visit(key, `${path}.key`), visit(item, `${path}.value`)])
      entry.push('m', items)
    } else if (v instanceof Set) {
      const items = []
      for (const item of v) items.push(visit(item, `${path}.item`))
      entry.push('s', items)
    } else if (v instanceof Error) {
      const fields = [['name', String(v.name)], ['message', String(v.message)], ['stack', String(v.stack)]]
      for (const key of Object.keys(v)) if (typeof v[key] !== 'function' && !['name', 'message', 'stack'].includes(key)) fields.push([key, v[key]])
      entry.push('e', fields.map(([key, item]) => [key, visit(item, `${path}.${key}`)]))
    } else {
      const items = []
      for (const key of Object.keys(v)) items.push([key, visit(v[key], path ? `${path}.${key}` : key)])
      entry.push('o', items)
    }
    return id
  }
  const keep = (v, entry) => {
    const id = add(entry)
    seen.set(v, id)
    return id
  }
  const root = visit(value, '')
  return JSON.stringify([root, table])
}

/** What {@link pack} wrote, as a value again. `textToBytes` makes the bytes of base64. */
export function unpack(text, textToBytes) {
  const [root, table] = JSON.parse(text)
  const made = new Array(table.length)
  const done = new Array(table.length)
  const make = (id) => {
    if (done[id]) return made[id]
    done[id] = true
    const [kind, a, b] = table[id]
    switch (kind) {
      case 0:
        return (made[id] = a)
      case 'u':
        return undefined
      case 'n':
        return (made[id] = BigInt(a))
      case 'f':
        return (made[id] = Number(a))
      case 'b':
        return (made[id] = textToBytes(a))
      case 'd':
        return (made[id] = new Date(a))
      case 'r':
        return (made[id] = { source: a, flags: b })
      case 'a': {
        const list = (made[id] = [])
        for (const item of a) list.push(make(item))
        return list
      }
      case 'm': {
        const map = (made[id] = new Map())
        for (const [key, item] of a) map.set(make(key), make(item))
        return map
      }
      case 's': {
        const set = (made[id] = new Set())
        for (const item of a) set.add(make(item))
        return set
      }
      default: {
        const object = (made[id] = {})
        for (const [key, item] of a) Object.defineProperty(object, key, { value: make(item), writable: true, enumerable: true, configurable: true })
        return object
      }
    }
  }
  return make(root)
}
