import type { Problem } from '../core/flow.ts'
import type { Log } from '../core/log.ts'
import type { SecretValues } from './resolve-secrets.ts'

/** What stands in the place of a secret; traces say the same. */
const hidden = '[hidden]'
/** A shorter text is in too many others to be taken for the secret. */
const shortest = 5
const deepest = 30

/** Takes the values of a flow's secrets out of what it tells: log lines, debug lines, statuses, problems. */
export interface HideValues {
  text(text: string): string
  /** A copy without them; plain objects, lists and texts are looked through, up to a depth. The same value when there was none. */
  value<T>(value: T): T
  problems(problems: readonly Problem[]): readonly Problem[]
}

/** Nothing is looked at when there is nothing to hide. */
export function createHideValues(values: SecretValues): HideValues | undefined {
  const secrets = [...new Set([...values.values()].flatMap(formsOf))].filter((value) => value.length >= shortest).toSorted((a, b) => b.length - a.length)
  if (secrets.length === 0) return undefined

  function text(given: string): string {
    let result = given
    for (const secret of secrets) if (result.includes(secret)) result = result.replaceAll(secret, hidden)
    return result
  }

  function change(value: unknown, seen: Map<object, unknown>, depth: number): unknown {
    if (typeof value === 'string') return text(value)
    if (value === null || typeof value !== 'object' || depth > deepest) return value
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null && !Array.isArray(value)) return value
    if (seen.has(value)) return seen.get(value)
    seen.set(value, value) // a circle leads to what was there before
    let changed = false
    const entries = Object.entries(value).map(([key, inner]) => {
      const after = change(inner, seen, depth + 1)
      const name = text(key)
      if (after !== inner || name !== key) changed = true
      return [name, after] as const
    })
    const result = !changed ? value : Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries)
    seen.set(value, result)
    return result
  }

  const value = <T>(given: T): T => change(given, new Map(), 0) as T
  return {
    text,
    value,
    problems: (problems) => problems.map((problem) => value(problem)),
  }
}

/** As it is, and as JSON and URLs write it. */
function formsOf(value: string): string[] {
  return [value, value.trim(), JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]
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
  const line = (write: Log['info']): Log['info'] => (facts, text) => {
    for (const hiding of all.values()) {
      facts = hiding.value(facts)
      text = hiding.text(text)
    }
    write(facts, text)
  }
  return {
    keep: (key, hiding) => void all.set(key, hiding),
    forget: (key) => void all.delete(key),
    log: (log) => ({ debug: line((facts, text) => log.debug(facts, text)), info: line((facts, text) => log.info(facts, text)), warn: line((facts, text) => log.warn(facts, text)), error: line((facts, text) => log.error(facts, text)) }),
  }
}
