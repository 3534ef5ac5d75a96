import type { CacheName, CacheSweep } from '../core/state/cache.ts'

/** What control says is looked at before it is done. */
export function isCacheName(value: unknown): value is CacheName {
  const { reach, owner, cache } = (value ?? {}) as Partial<CacheName>
  return (reach === 'flow' || reach === 'organisation') && typeof owner === 'string' && typeof cache === 'string'
}

export function isCacheSweep(value: unknown): value is CacheSweep {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return false
  const { all, tags, key } = value as { all?: unknown; tags?: unknown; key?: unknown }
  return all === true || (typeof key === 'string' && key !== '') || (Array.isArray(tags) && tags.length > 0 && tags.every((tag) => typeof tag === 'string'))
}
