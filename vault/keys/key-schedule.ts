import type { KeySchedule, KeySchedulePart, KeyVersionFacts } from '../contract.ts'
import { Refused } from '../refused.ts'
import { isSecret } from '../words/key-kinds.ts'
import { keyScheduleLimits } from '../words/key-schedule-limits.ts'
import type { KeyFacts } from './key-facts.ts'

const dayMs = 86_400_000

/** When the current version is to be replaced; of a key that is switched off, or not on a schedule, never. */
export function dueAt({ state, current, versions, rotateEveryDays }: KeyFacts): number | undefined {
  if (state !== 'active' || rotateEveryDays === undefined) return undefined
  const made = versions.find(({ version }) => version === current)?.createdAt
  return made === undefined ? undefined : Date.parse(made) + rotateEveryDays * dayMs
}

/** The versions once another takes the place of the current one: that is to be switched off in its time. */
export function replaceCurrent({ current, versions, keepOldDays }: KeyFacts, nowMs: number): KeyFacts['versions'] {
  return keepOldDays === undefined ? versions : versions.map((one) => (one.version === current && one.state === 'active' ? { ...one, offAt: toTime(nowMs + keepOldDays * dayMs) } : one))
}

/** Whether versions have gone on for as long as they were to. */
export function hasOutlived({ versions }: KeyFacts, nowMs: number): boolean {
  return versions.some(({ offAt }) => offAt !== undefined && Date.parse(offAt) <= nowMs)
}

/** The same facts with those switched off. */
export function switchOffOutlived(facts: KeyFacts, nowMs: number): KeyFacts {
  return {
    ...facts,
    versions: facts.versions.map((one) => (one.offAt !== undefined && Date.parse(one.offAt) <= nowMs ? decide(one, 'disabled') : one)),
  }
}

/** A version whose state was decided: no schedule changes it any more. */
export function decide({ version, createdAt, made }: KeyVersionFacts, state: KeyVersionFacts['state'], offAt?: string): KeyVersionFacts {
  return { version, createdAt, state, ...(made === undefined ? {} : { made }), ...(offAt === undefined ? {} : { offAt }) }
}

/**
 * Another schedule. How long versions are kept counts for those that were replaced before, too; none of them is switched off
 * earlier than in a day, so that who shortened it too much has time to see what they did.
 * @throws Refused `key.schedule`
 */
export function reschedule(facts: KeyFacts, part: KeySchedulePart, nowMs: number): KeyFacts {
  const { rotateEveryDays, keepOldDays, ...rest } = facts
  const next = checkSchedule({ rotateEveryDays: part.rotateEveryDays === undefined ? rotateEveryDays : part.rotateEveryDays, keepOldDays: part.keepOldDays === undefined ? keepOldDays : part.keepOldDays })
  checkRotates(next, facts)
  return { ...rest, ...next, versions: next.keepOldDays === keepOldDays ? facts.versions : facts.versions.map((one) => keepFor(one, facts, next.keepOldDays, nowMs)) }
}

function keepFor(one: KeyVersionFacts, { current, versions }: KeyFacts, days: number | undefined, nowMs: number): KeyVersionFacts {
  if (days === undefined || one.state !== 'active' || one.version === current) return decide(one, one.state)
  // What came after it is when it was replaced.
  const replaced = Math.min(...versions.filter(({ version }) => version > one.version).map(({ createdAt }) => Date.parse(createdAt)))
  return decide(one, one.state, toTime(Math.max(replaced + days * dayMs, nowMs + dayMs)))
}

/** What is null, or not there, is left out. @throws Refused `key.schedule` */
export function checkSchedule(given: KeySchedulePart): KeySchedule {
  const schedule: { -readonly [name in keyof KeySchedule]: KeySchedule[name] } = {}
  for (const [name, most] of Object.entries(keyScheduleLimits) as [keyof KeySchedule, number][]) {
    const days = given[name] ?? undefined
    if (days === undefined) continue
    if (!Number.isInteger(days) || days < 1 || days > most) throw new Refused('key.schedule', 422, `“${name}” is a whole number of days from 1 to ${most}.`)
    schedule[name] = days
  }
  return schedule
}

/** A secret that was made elsewhere is held by somebody else too, who would not hear of the next one. @throws Refused `key.schedule` */
export function checkRotates({ rotateEveryDays }: KeySchedule, { kind, current, versions }: Pick<KeyFacts, 'kind' | 'current' | 'versions'>): void {
  const isImported = versions.find(({ version }) => version === current)?.made === 'import'
  if (rotateEveryDays !== undefined && isImported && isSecret(kind)) throw new Refused('key.schedule', 422, 'A secret that was imported is not replaced on a schedule: whoever else holds it would not hear of the next one.')
}

function toTime(ms: number): string {
  return new Date(ms).toISOString()
}
