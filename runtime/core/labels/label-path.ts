import { parseMessagePath, PathError, type PropertyPath } from '../values/property.ts'

/** Any member or item. */
export const every: unique symbol = Symbol('*')
/** Any way down, no step included. */
export const below: unique symbol = Symbol('..')

/** A step of a path as the compiler knows it: a member by name, an item by its place, and what only runs can tell. */
export type LabelPart = string | number | typeof every | typeof below
/** From the message, or from a value, down. None: the whole. */
export type LabelPath = readonly LabelPart[]

/** A path as people write it, and whether it means all that it could: one with a filter or a slice may leave items out. */
export interface WrittenPath {
  readonly path: LabelPath
  readonly whole: boolean
}

/** A path that cannot be read; `position` is 0-based. */
export class LabelPathError extends Error {
  override readonly name = 'LabelPathError'
  readonly position: number

  constructor(reason: string, position: number) {
    super(reason)
    this.position = position
  }
}

const name = /[\p{L}_$][\p{L}\p{N}_$-]*/uy

/**
 * Reads a path into a message: `payload.people[*].id`, `req.headers['x-pid']`, or the same as JSONPath (RFC 9535), where `$` is the
 * payload: `$.people[*].id`, `$..id`. Several selectors in one bracket are several paths; filters and slices mean some of the items.
 * @throws LabelPathError
 */
export function parseLabelPath(text: string): readonly WrittenPath[] {
  const trimmed = text.trim()
  if (trimmed === '') throw new LabelPathError('it is empty', 0)
  let found: readonly WrittenPath[] = [{ path: [], whole: true }]
  const add = (parts: readonly { readonly part: LabelPart; readonly whole: boolean }[]) => {
    found = found.flatMap(({ path, whole }) => parts.map((one) => ({ path: [...path, one.part], whole: whole && one.whole })))
  }
  const one = (part: LabelPart) => add([{ part, whole: true }])
  let at = 0
  if (trimmed.startsWith('$')) {
    one('payload')
    at = 1
  } else at = readName(trimmed.startsWith('msg.') ? 4 : 0)
  while (at < trimmed.length) {
    if (trimmed.startsWith('..', at)) {
      one(below)
      at += 2
      if (trimmed[at] !== '[') at = readName(at)
    } else if (trimmed[at] === '.') at = readName(at + 1)
    else if (trimmed[at] === '[') at = readBracket(at)
    else throw new LabelPathError(`unexpected “${trimmed[at]}”`, at)
  }
  return found

  function readName(from: number): number {
    if (trimmed[from] === '*') {
      one(every)
      return from + 1
    }
    name.lastIndex = from
    const word = name.exec(trimmed)?.[0]
    if (word === undefined) throw new LabelPathError('a name is missing', from)
    one(word)
    return from + word.length
  }

  function readBracket(open: number): number {
    const parts: { part: LabelPart; whole: boolean }[] = []
    let from = open + 1
    for (;;) {
      while (trimmed[from] === ' ') from += 1
      const c = trimmed[from]
      if (c === '"' || c === "'") {
        const { text: key, end } = readQuoted(from)
        // Digits in quotes are a member of an object, and nobody knows whether it is one.
        parts.push(/^\d+$/.test(key) ? { part: every, whole: false } : { part: key, whole: true })
        from = end
      } else if (c === '*') {
        parts.push({ part: every, whole: true })
        from += 1
      } else if (c === '?') {
        parts.push({ part: every, whole: false })
        from = endOfFilter(from)
      } else {
        const slice = /^-?\d*(?:\s*:\s*-?\d*){0,2}/.exec(trimmed.slice(from))?.[0] ?? ''
        if (slice === '' || slice === '-') throw new LabelPathError('a selector is missing', from)
        parts.push(/^\d+$/.test(slice) ? { part: Number(slice), whole: true } : { part: every, whole: slice === ':' || slice === '::' })
        from += slice.length
      }
      while (trimmed[from] === ' ') from += 1
      if (trimmed[from] === ']') {
        add(parts)
        return from + 1
      }
      if (trimmed[from] !== ',') throw new LabelPathError('expected ]', Math.min(from, trimmed.length))
      from += 1
    }
  }

  function readQuoted(from: number): { readonly text: string; readonly end: number } {
    let read = ''
    for (let i = from + 1; i < trimmed.length; i += 1) {
      if (trimmed[i] === '\\') read += trimmed[(i += 1)] ?? ''
      else if (trimmed[i] === trimmed[from]) return { text: read, end: i + 1 }
      else read += trimmed[i]
    }
    throw new LabelPathError('a string is not closed', from)
  }

  /** A filter is not looked into: it ends at its bracket, or where the next selector begins. */
  function endOfFilter(from: number): number {
    let nested = 0
    for (let i = from; i < trimmed.length; i += 1) {
      const c = trimmed[i]
      if (c === '"' || c === "'") i = readQuoted(i).end - 1
      else if (c === '[' || c === '(') nested += 1
      else if (nested > 0 && (c === ']' || c === ')')) nested -= 1
      else if (nested === 0 && (c === ']' || c === ',')) return i
    }
    throw new LabelPathError('a [ is not closed', from)
  }
}

/** A path of Node-RED's grammar; a part that comes out of the message may be any. `undefined` when it does not parse. */
export function labelPathOf(text: string): LabelPath | undefined {
  try {
    return toLabelPath(parseMessagePath(text))
  } catch (error) {
    if (!(error instanceof PathError)) throw error
    return undefined
  }
}

export function toLabelPath(path: PropertyPath): LabelPath {
  return path.map((part) => (typeof part === 'object' ? every : toPart(part)))
}

/** Digits are a place of a list or a member of an object, whichever there is when it runs. */
export function toPart(key: string | number): LabelPart {
  return typeof key === 'number' || /^\d+$/.test(key) ? every : key
}

/** As {@link parseLabelPath} reads it back: `payload.people[*].id`. Empty for the whole. */
export function labelPathText(path: LabelPath): string {
  let text = ''
  for (const [index, part] of path.entries()) {
    if (part === every) text += text === '' ? '*' : '[*]'
    else if (part === below) text += '..'
    else if (typeof part === 'number') text += `[${part}]`
    else if (/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(part)) text += text === '' || path[index - 1] === below ? part : `.${part}`
    else text += `[${JSON.stringify(part)}]`
  }
  return text.endsWith('..') ? `${text}*` : text
}

/** Whether each place of it is one place: nothing in it stands for several. */
export function isOnePlace(path: LabelPath): boolean {
  return path.every((part) => part !== every && part !== below)
}

/** Whether everything at or below any place of `path` lies at or below a place of `cover`. */
export function covers(cover: LabelPath, path: LabelPath, i = 0, j = 0): boolean {
  if (i === cover.length) return true
  const part = cover[i]
  if (part === below) return covers(cover, path, i + 1, j) || (j < path.length && covers(cover, path, i, j + 1))
  if (j === path.length || path[j] === below) return false
  return (part === every || part === path[j]) && covers(cover, path, i + 1, j + 1)
}

/**
 * Where in the value at `at` something lies that may lie at or below `path`: the rest of the way, once for each way of reading.
 * None: it cannot lie there.
 */
export function restBelow(path: LabelPath, at: LabelPath): readonly LabelPath[] {
  const found = new Map<string, LabelPath>()
  const walk = (i: number, j: number): void => {
    // What is labelled as a whole, or read by a way that only runs know: anywhere.
    if (i === path.length || at[j] === below) return void found.set('', [])
    if (j === at.length) {
      const rest = path.slice(i)
      return void found.set(labelPathText(rest), rest)
    }
    const part = path[i]
    if (part === below) {
      walk(i + 1, j)
      walk(i, j + 1)
    } else if (part === every || at[j] === every || part === at[j]) walk(i + 1, j + 1)
  }
  walk(0, 0)
  return found.has('') ? [[]] : [...found.values()]
}
