import { Body } from '../core/http/body.ts'
import type { Memo, MemoInputs } from '../core/reuse.ts'
import type { BoundedMap } from '../core/bounded-map.ts'

/** Longest text that inputs may be told apart by. */
const longestKey = 1024
/** Longer texts are held beside the result and compared: the same one is often the same string, and other ones differ early. */
const shortText = 256
const longestText = 1_000_000
/** Results larger than this are made anew: to find their size would cost as much. */
const mostParts = 20_000
const partBytes = 40
/** After so many looks it is known whether they are worth it. */
const trialLooks = 512
const leastHitShare = 1 / 16
const restLooks = 20_000

/** Names objects by what they are and not by what is in them, as long as they live. */
export function createObjectNames(): (value: object) => number {
  const names = new WeakMap<object, number>()
  let last = 0
  return (value) => {
    let name = names.get(value)
    if (name === undefined) names.set(value, (name = ++last))
    return name
  }
}

/**
 * Results by the identity of the objects and the values of the texts they were made of. Objects on wires never change, so
 * the same ones give the same result. A computation whose inputs are new each time is soon left alone.
 */
export function createMemo(nameOf: (value: object) => number, results: BoundedMap<unknown>, place: string): Memo {
  let looks = 0
  let hits = 0
  let resting = 0

  return {
    of(inputs, compute, hit) {
      if (resting > 0) {
        resting--
        return compute()
      }
      if (++looks >= trialLooks) {
        if (hits < looks * leastHitShare) resting = restLooks
        looks = hits = 0
      }
      const texts: string[] = []
      const key = keyOf(inputs, nameOf, texts)
      if (key === undefined) return compute()
      const whole = `${place}/${key}`
      const found = results.use(whole) as { readonly value: never; readonly texts: readonly string[] } | undefined
      if (found !== undefined && found.texts.every((text, at) => text === texts[at])) {
        hits++
        hit?.()
        return found.value
      }
      const made = compute()
      if (!(made instanceof Promise)) return keep(whole, texts, made)
      return made.then((value) => keep(whole, texts, value))
    },
  }

  function keep<T>(key: string, texts: readonly string[], value: T): T {
    const parts = freezeParts(value)
    const bytes = texts.reduce((sum, text) => sum + text.length * 2, key.length * 2)
    if (parts !== undefined) results.set(key, { value, texts }, bytes + parts * partBytes)
    return value
  }
}

/** Inputs as text, long texts apart; `undefined` when they cannot be told apart shortly. */
function keyOf({ roots, paths }: MemoInputs, nameOf: (value: object) => number, texts: string[]): string | undefined {
  let key = ''
  for (const path of paths) {
    const value = endOf(roots, path)
    if (typeof value === 'object' && value !== null) key += `#${nameOf(value)}`
    else if (typeof value === 'string') {
      if (value.length <= shortText) key += JSON.stringify(value)
      else if (value.length > longestText) return undefined
      else {
        key += `~${value.length}`
        texts.push(value)
      }
    }
    else if (typeof value === 'function' || typeof value === 'symbol') return undefined
    else key += Object.is(value, -0) ? '-0' : `${typeof value}${String(value)}`
    key += ','
    if (key.length > longestKey) return undefined
  }
  return key
}

/** The value at the end of a path, or the first on the way that is looked into as a whole: a body, a list. */
function endOf(roots: Readonly<Record<string, unknown>>, path: readonly string[]): unknown {
  let value: unknown = roots
  for (const name of path) {
    if (typeof value !== 'object' || value === null || value instanceof Body || Array.isArray(value)) return value
    value = (value as Record<string, unknown>)[name]
  }
  return value
}

/** Deep-freezes what several runs will have, and counts its parts; `undefined` for what is too large, or cannot be frozen. */
function freezeParts(value: unknown): number | undefined {
  let parts = 1
  const open: unknown[] = [value]
  const seen: object[] = []
  for (let at = open.pop(); at !== undefined || open.length > 0; at = open.pop()) {
    if (typeof at === 'string') parts += at.length / 20
    if (typeof at === 'function' || ArrayBuffer.isView(at)) return undefined
    if (typeof at !== 'object' || at === null) continue
    if (at instanceof Body) {
      parts += at.raw().length / partBytes
      at.share()
      continue
    }
    seen.push(at)
    for (const child of Object.values(at)) {
      parts++
      open.push(child ?? null)
    }
    if (parts > mostParts) return undefined
  }
  for (const one of seen) Object.freeze(one)
  return Math.ceil(parts)
}
