import type { KeyUse } from '../contract.ts'

/** Columns of the table, in their order. */
export function toKeyUseValues({ key, hour, version, do: act, outcome, client, flow, count }: KeyUse): readonly [string, string, number, string, string, string, string, number] {
  return [key, hour, version ?? 0, act, outcome, client ?? '', flow, count]
}

export function toKeyUse(row: Readonly<Record<string, unknown>>): KeyUse {
  const { name, hour, version, act, outcome, client, flow, count } = row as Record<'name' | 'hour' | 'act' | 'outcome' | 'client' | 'flow', string> & Record<'version' | 'count', number | string>
  return { hour, key: name, version: Number(version) || null, do: act as KeyUse['do'], outcome: outcome as KeyUse['outcome'], client: client || null, flow, count: Number(count) }
}
