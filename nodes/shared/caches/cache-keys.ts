import { labelsOfValue } from '../../../runtime/core/labels/of-value.ts'
import type { Message } from '../../../runtime/core/message.ts'
import type { NodeProblem, Scope } from '../../../runtime/core/node.ts'
import type { Run } from '../../../runtime/core/run.ts'
import { type Audience, audienceOf, type CachePlaceConfig, checkParts, openPlace, toKeyText, toName } from './cache-place.ts'
import { after, createReader } from '../limits/limit-inputs.ts'
import { compileFragments, type Fragment } from '../limits/limit-level.ts'

export interface CacheKeyConfig extends CachePlaceConfig {
  readonly keptFor: Audience
  readonly key: readonly Fragment[]
}

export interface CacheKey {
  readonly key: string
  /** Tags of everything whose key begins with the first parts of this one, the whole included; by these a branch is purged. */
  readonly branches: readonly string[]
  /** What operators call it. */
  name(): string
}

/** Longest part of a key, characters: what callers send is not endless. */
const longestKey = 4096

export function checkKey({ key }: CacheKeyConfig): (NodeProblem | undefined)[] {
  if (key.length === 0) return [{ code: 'cache.no_key', property: 'key', message: 'The cache node has no key.', remedy: 'Add what tells values apart, such as payload.id or a fixed text.' }]
  return checkParts(key, 'key')
}

/** Reads the keys of values that flows keep by themselves. `undefined`: a part is missing, so that there is no key. */
export async function compileKey(config: CacheKeyConfig, scope: Scope): Promise<(message: Message, run: Run) => CacheKey | undefined | Promise<CacheKey | undefined>> {
  const place = openPlace(scope, config)
  const read = createReader(await compileFragments(config.key, scope))
  // The key itself is kept as a hash; the name is for people to read, and must not say what is labelled.
  const hidden = config.key.map(({ value, valueType }) => (scope.labels ? labelsOfValue(value, valueType, scope.labels).unseen.labels : []))
  const shown = (values: readonly unknown[]) => values.map((value, at) => (hidden[at]?.length ? `[${hidden[at].join(', ')}]` : value))
  return (message, run) => {
    const beginning = `${place}/v/${audienceOf(config.keptFor, message, run)} `
    return after(read(message, run), (values) => {
      // A missing part would make one value of what many callers ask for.
      if (values.some((value) => value === undefined || value === null)) return undefined
      const text = toKeyText(values)
      if (text.length > longestKey) return undefined
      return { key: beginning + text, branches: values.map((_, at) => `${beginning}>${toKeyText(values.slice(0, at + 1))}`), name: () => toName(shown(values)) }
    })
  }
}
