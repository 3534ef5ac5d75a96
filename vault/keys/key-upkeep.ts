import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { VaultStatus } from '../contract.ts'
import { Refused } from '../refused.ts'
import { dueAt, hasOutlived, switchOffOutlived } from './key-schedule.ts'
import type { KeyRecords } from './key-records.ts'
import type { KeyShelf, ShelvedKey } from './key-shelf.ts'

/** Who stands behind what a schedule did. */
const byItself = 'schedule'
const overdueAfterMs = 3_600_000

/** What vaults do with keys by themselves, because somebody said so once. Several on one database do each thing once. */
export interface KeyUpkeep {
  /** Replaces the keys that are due, and switches off versions that have gone on for as long as they were to. Never rejects because of one of them. */
  look(): Promise<void>
  status(): Promise<NonNullable<VaultStatus['keys']>>
}

export function createKeyUpkeep({ records, clock, shelf, log }: { readonly records: KeyRecords; readonly clock: Pick<Clock, 'now'>; readonly shelf: KeyShelf; readonly log: Log }): KeyUpkeep {
  let replaced = 0
  /** Keys of which it was said that they cannot be replaced: once, until they can. */
  const said = new Set<string>()

  async function tend({ name, record, facts }: ShelvedKey): Promise<void> {
    const nowMs = clock.now()
    if (hasOutlived(facts, nowMs)) {
      await records.change(await records.get(name, record.version), { ...switchOffOutlived(facts, nowMs), by: byItself }, 'versions of a key were switched off by its schedule', record.version)
      return // what else there is to do starts from the next revision
    }
    if ((dueAt(facts) ?? Number.POSITIVE_INFINITY) > nowMs) return
    await records.replace(await records.get(name, record.version), byItself, 'schedule', 'a key was rotated by its schedule', record.version)
    replaced += 1
  }

  return {
    async look() {
      for (const key of await shelf.list()) {
        try {
          await tend(key)
          said.delete(key.name)
        } catch (thrown) {
          // Another vault, or a person, was first: the next look starts from what they wrote.
          if (thrown instanceof Refused) shelf.changed()
          else if (!said.has(key.name)) {
            said.add(key.name)
            log.warn({ key: key.name, error: (thrown as Error).name }, 'a key cannot be rotated by its schedule; it is tried again')
          }
        }
      }
    },
    async status() {
      const keys = await shelf.list()
      const due = keys.flatMap(({ name, facts }) => {
        const at = dueAt(facts)
        return at === undefined ? [] : [{ name, at }]
      }).toSorted((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1))
      const [next] = due
      return {
        made: keys.length, scheduled: due.length, overdue: due.filter(({ at }) => at < clock.now() - overdueAfterMs).length, replaced,
        ...(next ? { next: { key: next.name, at: new Date(next.at).toISOString() } } : {}),
      }
    },
  }
}
