import { isObject } from '../consumers/json.ts'

type Json = Readonly<Record<string, unknown>>

/** The components of a document that is put together from operations, each of which brings its own. */
export interface Components {
  /** Takes what an operation refers to; gives the operation with references that lead into the document. */
  take(operation: Json): Record<string, unknown>
  /** Under a name of its own, whatever operations bring later. */
  reserve(section: string, name: string, value: unknown): void
  toJson(): Json
}

/** Parts that are the same are there once; others of the same name get a number. */
export function createComponents(): Components {
  const sections = new Map<string, Map<string, { readonly text: string; readonly value: unknown }>>()
  const sectionOf = (name: string) => {
    const found = sections.get(name) ?? new Map<string, { readonly text: string; readonly value: unknown }>()
    sections.set(name, found)
    return found
  }

  return {
    take(operation) {
      const { components, ...own } = operation
      if (!isObject(components)) return { ...own }
      const parts = Object.entries(components).flatMap(([section, all]) => (isObject(all) ? Object.entries(all).map(([name, value]) => ({ section, name, value })) : []))
      const renamed = new Map<string, string>()
      const chosen = parts.map(({ name }) => name)
      // A part whose name had to change changes those that refer to it, which may have to change their names then.
      for (let changed = true; changed;) {
        changed = false
        for (const [i, { section, name, value }] of parts.entries()) {
          const text = JSON.stringify(rewrite(value, renamed))
          const taken = sectionOf(section)
          let free = chosen[i] as string
          for (let number = 2; taken.has(free) && taken.get(free)?.text !== text; number++) free = `${name}_${number}`
          if (free === chosen[i]) continue
          chosen[i] = free
          renamed.set(toReference(section, name), toReference(section, free))
          changed = true
        }
      }
      for (const [i, { section, value }] of parts.entries()) {
        const made = rewrite(value, renamed)
        sectionOf(section).set(chosen[i] as string, { text: JSON.stringify(made), value: made })
      }
      return rewrite(own, renamed) as Record<string, unknown>
    },
    reserve(section, name, value) {
      sectionOf(section).set(name, { text: JSON.stringify(value), value })
    },
    toJson: () => Object.fromEntries([...sections].filter(([, all]) => all.size > 0).map(([section, all]) => [section, Object.fromEntries([...all].map(([name, { value }]) => [name, value]))])),
  }
}

function toReference(section: string, name: string): string {
  return `#/components/${section}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** A copy whose references follow what was renamed. */
function rewrite(value: unknown, renamed: ReadonlyMap<string, string>): unknown {
  if (renamed.size === 0) return value
  const follow = (reference: string): string => {
    const [start] = /^#\/components\/[^/]+\/[^/]+/.exec(reference) ?? []
    const to = start === undefined ? undefined : renamed.get(start)
    return to === undefined ? reference : to + reference.slice((start as string).length)
  }
  const walk = (one: unknown, inMapping: boolean): unknown => {
    if (Array.isArray(one)) return one.map((inner) => walk(inner, false))
    if (!isObject(one)) return one
    return Object.fromEntries(Object.entries(one).map(([key, inner]) => [key, typeof inner === 'string' && (key === '$ref' || inMapping) ? follow(inner) : walk(inner, key === 'mapping')]))
  }
  return walk(value, false)
}
