import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { type CacheKeyConfig, checkKey, compileKey } from '../shared/caches/cache-keys.ts'
import { audienceSchema, cachePlaceSchema, checkParts, partsSchema, openPlace, tagOf, toTags, wholeTag } from '../shared/caches/cache-place.ts'
import { after, createReader } from '../shared/limits/limit-inputs.ts'
import { compileFragments, type Fragment } from '../shared/limits/limit-level.ts'

export interface CacheInvalidateConfig extends CacheKeyConfig {
  readonly by: 'tag' | 'key' | 'branch' | 'all'
  readonly tags: readonly Fragment[]
}

/** Forgets what a cache keeps. */
export const cacheInvalidate = defineNode<CacheInvalidateConfig, 'out'>({
  type: 'cache invalidate',
  category: 'transform',
  label: { en: 'cache invalidate', 'zh-TW': '清除快取' },
  summary: { en: 'Forgets values and answers of a cache by key or tag, on all gateways.', 'zh-TW': '依鍵或標籤清除快取中的值與回應，對所有閘道生效。' },
  icon: 'fa-eraser',
  outputs: ['out'],
  labels: unchanged,
  leaks: nothing,
  faults: ['state.unavailable', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      by: {
        enum: ['tag', 'key', 'branch', 'all'], default: 'tag', title: 'What to forget', description: 'tag: values and answers that have one of the tags. key: one value. branch: every value whose key begins with these parts. all: the whole cache.',
        'x-form': { 'zh-TW': { title: '清除對象', description: '「標籤」：帶有任一標籤的值與回應；「鍵」：一個值；「分支」：鍵以這些部分開頭的所有值；「全部」：整個快取。', choices: { tag: '標籤', key: '鍵', branch: '分支', all: '全部' } } },
      },
      tags: { ...partsSchema('Tags', 'A list gives several.', { title: '標籤', description: '陣列代表多個標籤。' }), 'x-form': { when: { by: ['tag'] }, 'zh-TW': { title: '標籤', description: '陣列代表多個標籤。' } } },
      key: { ...partsSchema('Key', 'The parts of the key, as the cache set node has them.', { title: '鍵', description: '鍵的各部分，與「寫入快取」節點相同。' }), 'x-form': { when: { by: ['key', 'branch'] }, 'zh-TW': { title: '鍵', description: '鍵的各部分，與「寫入快取」節點相同。' } } },
      keptFor: { ...audienceSchema, 'x-form': { ...audienceSchema['x-form'], when: { by: ['key', 'branch'] } } },
      ...cachePlaceSchema,
    },
  },
  check(config) {
    const problems = config.by === 'key' || config.by === 'branch' ? checkKey(config) : config.by === 'tag' ? checkParts(config.tags, 'tags') : []
    if (config.by === 'tag' && config.tags.length === 0) problems.push({ code: 'cache.no_tag', property: 'tags', message: 'The cache invalidate node has no tag, so it forgets nothing.', remedy: 'Add a tag, or choose to forget by key or all.' })
    return problems.filter((problem): problem is NodeProblem => problem !== undefined)
  },
  async compile(config, scope) {
    const { cache } = scope.state
    const place = openPlace(scope, config)
    if (config.by === 'all') return (message) => after(cache.purge({ tags: [wholeTag(place)] }), () => ({ out: message }))
    if (config.by === 'tag') {
      const readTags = createReader(await compileFragments(config.tags, scope))
      return (message, run) => after(readTags(message, run), (values) => after(cache.purge({ tags: toTags(values).map((tag) => tagOf(place, tag)) }), () => ({ out: message })))
    }
    const keyOf = await compileKey(config, scope)
    return (message, run) => after(keyOf(message, run), (found) => {
      if (found === undefined) return { out: message }
      const what = config.by === 'key' ? { keys: [found.key] } : { tags: found.branches.slice(-1) }
      return after(cache.purge(what), () => ({ out: message }))
    })
  },
})
