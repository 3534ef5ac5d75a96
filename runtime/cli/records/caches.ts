import type { FlowCache } from '../../../control/contract.ts'
import { CommandFailed, type Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { toColumns } from './print.ts'

export interface CachePurgeOptions {
  readonly tag?: readonly string[]
  readonly key?: string
  readonly all?: boolean
  readonly flow?: string
  readonly organisation?: string
  readonly cache?: string
}

/** `sluice cache list`: which caches flows use. */
export async function runCacheList(client: RecordsClient, output: Output): Promise<void> {
  const caches = await client.caches()
  const rows = caches.flatMap((cache) => cache.gateways.map(({ gateway, store, entries }) => [toPlace(cache), cache.cache, gateway, store, entries === undefined ? '' : String(entries)]))
  output.result(rows.length === 0 ? 'No live flow keeps anything.' : toColumns(['of', 'cache', 'gateway', 'kept in', 'entries'], rows), { caches })
}

/** `sluice cache purge`. Fails when a gateway did not do it. */
export async function runCachePurge(client: RecordsClient, { tag, key, all, flow, organisation, cache }: CachePurgeOptions, output: Output): Promise<void> {
  const purged = await client.purgeCaches({
    ...(tag === undefined ? {} : { tags: tag }), ...(key === undefined ? {} : { key }), ...(all === true ? { all } : {}),
    ...(flow === undefined ? {} : { flow }), ...(organisation === undefined ? {} : { organisation }), ...(cache === undefined ? {} : { cache }),
  })
  const said = [
    `${purged.entries} ${purged.entries === 1 ? 'entry' : 'entries'} went, of ${purged.caches.map((one) => `${toPlace(one)} / ${one.cache}`).join(', ')}.`,
    toColumns(['gateway', 'kept in', 'entries'], purged.gateways.map(({ name, store = '', entries, error }) => [name, store, error ?? String(entries)])),
  ].join('\n\n')
  if (!purged.complete) throw new CommandFailed(`${said}\n\nNot every gateway did it: what those keep may still be answered. Repeat it when they are back.`, { ...purged })
  output.result(said, { ...purged })
}

function toPlace({ reach, owner, label }: Pick<FlowCache, 'reach' | 'owner' | 'label'>): string {
  return reach === 'organisation' ? `organisation ${owner === '' ? '(none)' : owner}` : (label ?? owner)
}
