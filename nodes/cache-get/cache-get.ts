import { nothing } from '../../runtime/core/labels/labels.ts'
import { labelsOfNames } from '../../runtime/core/labels/names.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { parseMessagePath, setProperty } from '../../runtime/core/values/property.ts'
import { checkTypedValue } from '../../runtime/core/values/typed-value.ts'
import { type CacheKeyConfig, checkKey, compileKey } from '../shared/caches/cache-keys.ts'
import { lookMarks } from '../shared/caches/cache-marks.ts'
import { audienceSchema, cachePlaceSchema, partsSchema } from '../shared/caches/cache-place.ts'
import { createValueReader } from '../shared/caches/cache-value.ts'
import { after } from '../shared/limits/limit-inputs.ts'

export interface CacheGetConfig extends CacheKeyConfig {
  readonly property: string
}

/** Looks whether a value is kept. */
export const cacheGet = defineNode<CacheGetConfig, 'hit' | 'miss'>({
  type: 'cache get',
  category: 'transform',
  label: { en: 'cache get', 'zh-TW': '讀取快取' },
  summary: { en: 'Looks for a value that a cache set node has kept.', 'zh-TW': '尋找由「寫入快取」節點保存的值。' },
  icon: 'fa-database',
  outputs: ['hit', 'miss'],
  // The name of the place may say something; what is kept carries nothing that is labelled.
  labels: ({ property }, input) => input.and(labelsOfNames(property, input)),
  leaks: nothing,
  faults: ['expression.error'],
  config: {
    type: 'object',
    properties: {
      key: partsSchema('Key', 'What tells values apart. When a part is missing, nothing is found.', { title: '鍵', description: '用來區分各個值；任何部分缺少時視為找不到。' }),
      property: { type: 'string', minLength: 1, default: 'payload', title: 'Put it into', description: 'Property of the message that gets the value.', 'x-form': { 'zh-TW': { title: '寫到', description: '接收該值的訊息屬性。' } } },
      keptFor: audienceSchema,
      ...cachePlaceSchema,
    },
  },
  check(config) {
    return [...checkKey(config), checkTypedValue(config.property, 'msg', 'property')].filter((problem): problem is NodeProblem => problem !== undefined)
  },
  async compile(config, scope) {
    const { cache } = scope.state
    const keyOf = await compileKey(config, scope)
    const path = parseMessagePath(config.property)
    const read = createValueReader()
    return function cacheGet(message, run) {
      return after(keyOf(message, run), (found) => {
        if (found === undefined) return { miss: message }
        return after(cache.get(found.key), ({ value, mark }): { hit: Message } | { miss: Message } => {
          const hit = value && setProperty(message, path, read(value))
          if (hit) return { hit }
          lookMarks(run).set(found.key, mark)
          return { miss: message }
        })
      })
    }
  },
})
