import type { Problem } from '../core/flow.ts'
import type { Log } from '../core/log.ts'
import { createHideText, type HideText } from '../core/secrets/secret-forms.ts'
import type { SecretValues } from './resolve-secrets.ts'

const deepest = 30

/** Takes the values of a flow's secrets out of what it tells: log lines, debug lines, statuses, problems, and what callouts say of themselves. */
export interface HideValues {
  /** The secrets themselves. */
  readonly values: readonly string[]
  text(text: string): string
  /** A copy without them; plain objects, lists and texts are looked through, up to a depth. The same value when there was none. */
  value<T>(value: T): T
  problems(problems: readonly Problem[]): readonly Problem[]
}

/** Nothing is looked at when there is nothing to hide. */
export function createHideValues(secrets: SecretValues): HideValues | undefined {
  return hideAll([...new Set(secrets.values())])
}

function hideAll(values: readonly string[]): HideValues | undefined {
  const text = createHideText(values)
  if (!text) return undefined
  const hide: HideText = text // what is declared below does not know that it is there

  function change(value: unknown, seen: Map<object, unknown>, depth: number): unknown {
    if (typeof value === 'string') return hide(value)
    if (value === null || typeof value !== 'object' || depth > deepest) return value
    if (value instanceof Uint8Array) return bytes(value)
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null && !Array.isArray(value)) return value
    if (seen.has(value)) return seen.get(value)
    seen.set(value, value) // a circle leads to what was there before
    let changed = false
    const entries = Object.entries(value).map(([key, inner]) => {
      const after = change(inner, seen, depth + 1)
      const name = hide(key)
      if (after !== inner || name !== key) changed = true
      return [name, after] as const
    })
    const result = !changed ? value : Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries)
    seen.set(value, result)
    return result
  }

  /** Bytes are shown as text, too. */
  function bytes(given: Uint8Array): Uint8Array {
    const said = Buffer.from(given.buffer, given.byteOffset, given.byteLength).toString('utf8')
    const after = hide(said)
    return after === said ? given : Buffer.from(after)
  }

  const value = <T>(given: T): T => change(given, new Map(), 0) as T
  return {
    values,
    text,
    value,
    problems: (problems) => problems.map((problem) => value(problem)),
  }
}

/** What is to be hidden of all pipelines that are linked. */
export interface Hidings {
  /** Until {@link Hidings.forget}; `key` is the pipeline's. */
  keep(key: string, hiding: HideValues): void
  forget(key: string): void
  /** A log that says none of it, whoever writes: a fault of a flow is logged far from the flow. */
  log(log: Log): Log
}

export function createHidings(): Hidings {
  const all = new Map<string, HideValues>()
  // One pass for what all of them hide together; made again when that has changed and something is logged.
  let together: HideValues | undefined
  let known = true
  const current = () => {
    if (!known) together = hideAll([...new Set([...all.values()].flatMap(({ values }) => values))])
    known = true
    return together
  }
  const line = (write: Log['info']): Log['info'] => (facts, text) => {
    const hiding = current()
    if (hiding) write(hiding.value(facts), hiding.text(text))
    else write(facts, text)
  }
  return {
    keep(key, hiding) {
      all.set(key, hiding)
      known = false
    },
    forget(key) {
      if (all.delete(key)) known = false
    },
    log: (log) => ({ debug: line((facts, text) => log.debug(facts, text)), info: line((facts, text) => log.info(facts, text)), warn: line((facts, text) => log.warn(facts, text)), error: line((facts, text) => log.error(facts, text)) }),
  }
}
