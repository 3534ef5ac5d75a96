import { toCachePlace, type CacheName, type CacheSweep } from '../../runtime/core/state/cache.ts'
import type { CacheReport } from '../../runtime/core/deployer.ts'
import { invalid, problem } from '../consumers/check.ts'
import { Refused, type Actor, type CacheChoice, type CachePurge, type CachePurged, type Caches, type FlowCache, type GatewayInfo } from '../contract.ts'
import { needOperator, type OperatorDesk } from '../gateways/operator-desk.ts'

/** Who has not been seen for so long is not counted among those who should have done it. */
const forgottenMs = 86_400_000

export interface CachesParts extends OperatorDesk {
  now(): number
  gateways(): readonly Pick<GatewayInfo, 'id' | 'name' | 'connected' | 'lastSeenAt'>[]
}

/** What operators see of the caches of all gateways, and take out of them. */
export function createCaches(desk: CachesParts): Caches {
  const { audit, command, gateways, now } = desk
  const allow = (by: Actor) => needOperator(desk, 'caches.purge', by)

  async function listAll(): Promise<readonly FlowCache[]> {
    const byPlace = new Map<string, FlowCache & { gateways: FlowCache['gateways'][number][] }>()
    for (const { gateway, result } of await command({ do: 'caches.list' })) {
      if (!isReport(result)) continue
      for (const { reach, owner, cache, label, entries } of result.caches) {
        const place = toCachePlace({ reach, owner, cache })
        const known = byPlace.get(place) ?? { reach, owner, cache, ...(label === undefined ? {} : { label }), gateways: [] }
        byPlace.set(place, known)
        known.gateways.push({ gateway, store: result.store, ...(entries === undefined ? {} : { entries }) })
      }
    }
    return [...byPlace.keys()].toSorted().map((place) => byPlace.get(place) as FlowCache)
  }

  return {
    async list(by) {
      await allow(by)
      return await listAll()
    },
    async purge(what, by) {
      await allow(by)
      const sweep = toSweep(what)
      const meant = (await listAll()).filter((one) => isMeant(one, what))
      if (meant.length === 0) throw new Refused('record.none', 404, 'No gateway that is connected has such a cache.')
      const caches = meant.map(({ reach, owner, cache }): CacheName => ({ reach, owner, cache }))
      const answers = await command({ do: 'caches.purge', caches, what: sweep })
      const told = gateways().filter(({ connected, lastSeenAt }) => connected || now() - Date.parse(lastSeenAt ?? '') < forgottenMs)
      const names = new Map(told.map(({ id, name }) => [id, name]))
      const heard = answers.map(({ gateway, result, error }) => ({ gateway, name: names.get(gateway) ?? gateway, ...(error !== undefined ? { error } : isPurged(result) ? { store: result.store, entries: result.entries } : { error: 'It runs a version that cannot do this.' }) }))
      const silent = told.filter(({ id }) => !answers.some(({ gateway }) => gateway === id)).map(({ id, name, connected }) => ({ gateway: id, name, error: connected ? 'It did not answer.' : 'It is not connected.' }))
      const all: CachePurged['gateways'] = [...heard, ...silent].toSorted((a, b) => (a.name < b.name ? -1 : 1))
      const purged: CachePurged = {
        entries: all.reduce((sum, { entries = 0 }) => sum + entries, 0), complete: all.every(({ error }) => error === undefined),
        caches: meant.map(({ gateways: _gateways, ...rest }) => rest), gateways: all,
      }
      await audit.add(by, 'cache.purge', { ...sweep, caches: caches.map(toCachePlace), entries: purged.entries, gateways: all.map(({ gateway, error }) => (error === undefined ? gateway : { gateway, error })) }, undefined, { subject: 'caches' })
      return purged
    },
  }
}

/** @throws Refused `record.invalid` 422 */
function toSweep({ tags, key, all }: CachePurge): CacheSweep {
  const said: CacheSweep[] = [...(tags === undefined ? [] : [{ tags }]), ...(key === undefined ? [] : [{ key }]), ...(all === true ? [{ all }] : [])]
  const [one] = said
  if (one === undefined || said.length > 1) throw invalid([problem('', 'Exactly one of “tags”, “key” and “all” is needed.', 'Name tags, or a key in which * stands for any text, or say “all”: true.')])
  return one
}

function isMeant({ reach, owner, cache, label }: FlowCache, { flow, organisation, cache: name }: CacheChoice): boolean {
  if (name !== undefined && name !== cache) return false
  if (flow !== undefined) return reach === 'flow' && (owner === flow || label === flow)
  return organisation === undefined || (reach === 'organisation' && owner === organisation)
}

/** What a gateway says is looked at before it is believed: others may run another version. */
function isReport(value: unknown): value is CacheReport {
  const { store, caches } = (value ?? {}) as Partial<CacheReport>
  return (store === 'memory' || store === 'redis') && Array.isArray(caches) && caches.every(({ reach, owner, cache }) => (reach === 'flow' || reach === 'organisation') && typeof owner === 'string' && typeof cache === 'string')
}

function isPurged(value: unknown): value is { readonly store: CacheReport['store']; readonly entries: number } {
  const { store, entries } = (value ?? {}) as Partial<{ store: string; entries: number }>
  return (store === 'memory' || store === 'redis') && typeof entries === 'number'
}
