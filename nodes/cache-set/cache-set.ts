import { cacheValueBytes, longestCacheMs } from '../../runtime/core/state/cache.ts'
import { fault } from '../../runtime/core/fault.ts'
import { unchanged } from '../../runtime/core/labels/labels.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import { defineNode, type NodeProblem, type Scope } from '../../runtime/core/node.ts'
import { parseMessagePath } from '../../runtime/core/values/property.ts'
import { checkTypedValue, compileTypedValue, type TypedValue } from '../../runtime/core/values/typed-value.ts'
import { type CacheKeyConfig, checkKey, compileKey } from '../shared/caches/cache-keys.ts'
import { lookMarks } from '../shared/caches/cache-marks.ts'
import { audienceSchema, cachePlaceSchema, checkParts, partsSchema, openPlace, tagOf, toTags, wholeTag } from '../shared/caches/cache-place.ts'
import { isNothing, toCacheValue } from '../shared/caches/cache-value.ts'
import { after, createReader, type NumberType, numberSchema, numberTypeSchema } from '../shared/limits/limit-inputs.ts'
import { compileFragments, type Fragment } from '../shared/limits/limit-level.ts'

export interface CacheSetConfig extends CacheKeyConfig {
  readonly value: string
  readonly valueType: 'msg' | 'jsonata' | 'json' | 'str'
  readonly ttl: string | number
  readonly ttlType: NumberType
  readonly negativeTtlSeconds: number
  readonly tags: readonly Fragment[]
  readonly limitBytes: number
  readonly sealed: boolean
}

/** Keeps a value for a while. */
export const cacheSet = defineNode<CacheSetConfig, 'out'>({
  type: 'cache set',
  category: 'transform',
  label: { en: 'cache set', 'zh-TW': '寫入快取' },
  summary: { en: 'Keeps a value for a while, for cache get nodes.', 'zh-TW': '將值保存一段時間，供「讀取快取」節點使用。' },
  icon: 'fa-database',
  outputs: ['out'],
  leaks: ({ key, tags, value, valueType }, input) => [
    { to: 'cache', what: 'the value', property: 'value', labels: labelsOfValue(value, valueType, input) },
    // Operators see what values are called.
    ...[...key, ...tags].map((part) => ({ to: 'cache' as const, what: 'the key', property: 'key', labels: labelsOfValue(part.value, part.valueType, input) })),
  ],
  labels: unchanged,
  faults: ['cache.value', 'cache.ttl', 'config.invalid', 'expression.error'],
  config: {
    type: 'object',
    properties: {
      key: partsSchema('Key', 'What tells values apart. When a part is missing, nothing is kept.', { title: '鍵', description: '用來區分各個值；任何部分缺少時不保存。' }),
      value: { type: 'string', default: 'payload', title: 'Value', 'x-form': { 'zh-TW': { title: '值' } } },
      valueType: { enum: ['msg', 'jsonata', 'json', 'str'], default: 'msg' },
      ttl: { ...numberSchema('60', 'Keep for', 'Seconds.'), 'x-form': { 'zh-TW': { title: '保存多久', description: '秒。' } } },
      ttlType: numberTypeSchema,
      negativeTtlSeconds: { type: 'number', minimum: 0, maximum: 2_592_000, default: 0, title: 'Keep “nothing” for', description: 'Seconds that a missing value or null is kept, so that what is not there is not asked for again and again. 0: not.', 'x-form': { 'zh-TW': { title: '「沒有值」的保存秒數', description: '值不存在或為 null 時的保存秒數，避免一再查詢不存在的資料；0 表示不保存。' } } },
      tags: partsSchema('Tags', 'Names to purge values by.', { title: '標籤', description: '用來清除的名稱。' }),
      keptFor: audienceSchema,
      ...cachePlaceSchema,
      limitBytes: { type: 'integer', minimum: 0, maximum: 16_000_000, default: 1_048_576, title: 'Largest value kept', description: 'Bytes. A larger one is not kept; the log says so.', 'x-form': { 'zh-TW': { title: '保存的上限', description: '位元組數；超過者不保存，並記於日誌。' } } },
      sealed: { type: 'boolean', default: false, title: 'Never in clear', description: 'Refuses the deploy where values would lie in Redis unencrypted.', 'x-form': { 'zh-TW': { title: '不得以明文保存', description: '若值會以明文存放於 Redis，則拒絕部署。' } } },
    },
  },
  check(config) {
    const problems = [...checkKey(config), ...checkParts(config.tags, 'tags'), checkTypedValue(config.value, config.valueType, 'value'), checkTypedValue(config.ttl, config.ttlType, 'ttl')]
    if (config.ttlType === 'num' && !(Number(config.ttl) >= 0)) problems.push({ code: 'cache.ttl', property: 'ttl', message: `A value cannot be kept for “${config.ttl}” seconds.`, remedy: 'Enter a number from 0.' })
    return problems.filter((problem): problem is NodeProblem => problem !== undefined)
  },
  async compile(config, scope) {
    const { cache } = scope.state
    if (config.sealed && cache.inClear) throw fault('config.invalid', { message: 'The cache set node must not keep values in clear, and Redis would have them so. Set SLUICE_CACHE_KEY on all gateways.' })
    const place = openPlace(scope, config)
    const keyOf = await compileKey(config, scope)
    const readTags = createReader(await compileFragments(config.tags, scope))
    const readRest = createReader([await compileValue(config, scope), await compileTypedValue(config.ttl, config.ttlType, scope)])
    const limitBytes = Math.min(config.limitBytes, cache.limitBytes)

    return function cacheSet(message, run) {
      return after(keyOf(message, run), (found) => {
        if (found === undefined) return { out: message }
        return after(readTags(message, run), (tags) => after(readRest(message, run), ([value, seconds]) => {
          const nothing = isNothing(value)
          const ttlMs = nothing ? config.negativeTtlSeconds * 1000 : toMs(seconds)
          if (ttlMs <= 0) return { out: message }
          const kept = toCacheValue(nothing ? null : value)
          const bytes = cacheValueBytes(kept)
          if (bytes > limitBytes) {
            run.log.warn({ node: scope.node.id, bytes, limitBytes }, 'a value is larger than what is kept of one')
            return { out: message }
          }
          const all = [wholeTag(place), ...found.branches, ...toTags(tags).map((tag) => tagOf(place, tag))]
          // Waits until it is there: what purges it next must not come before.
          return after(cache.set(found.key, kept, { ttlMs, tags: all, name: found.name(), mark: lookMarks(run).get(found.key) }), () => ({ out: message }))
        }))
      })
    }
  },
})

/** A property of the message itself is kept as it is: a body that nobody has parsed stays unparsed. */
async function compileValue({ value, valueType }: CacheSetConfig, scope: Scope): Promise<TypedValue> {
  const path = valueType === 'msg' ? parseMessagePath(value) : []
  const [name] = path
  if (path.length !== 1 || typeof name !== 'string') return await compileTypedValue(value, valueType, scope)
  return { evaluate: (message) => message[name], constant: false, async: false }
}

/** @throws Fault `cache.ttl` */
function toMs(value: unknown): number {
  const seconds = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof seconds === 'number' && seconds >= 0) return Math.min(seconds * 1000, longestCacheMs)
  throw fault('cache.ttl', { is: value === undefined ? 'missing' : typeof value === 'object' ? typeof value : String(value).slice(0, 40) })
}
