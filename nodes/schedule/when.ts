import { Cron } from 'croner'
import type { NodeProblem } from '../../runtime/core/node.ts'
import type { Times } from '../../runtime/core/jobs/schedules.ts'

export interface WhenConfig {
  readonly when: 'cron' | 'interval' | 'once'
  readonly cron: string
  readonly zone: string
  readonly everySeconds: number
  readonly at: string
}

/** Long before any flow was drawn: what does not fire after it never does. */
const longAgo = new Date('2000-01-01T00:00:00Z')
const hasOffset = /(?:z|[+-]\d\d:?\d\d)$/i

/** The times that the form says. @throws Error for what cannot be read */
export function toTimes({ when, cron, zone, everySeconds, at }: WhenConfig): Times {
  if (when === 'interval') return { kind: 'interval', everyMs: everySeconds * 1000 }
  if (when === 'once') return { kind: 'once', atMs: toInstant(at, zone) }
  return { kind: 'cron', cron: cron.trim(), ...zoneOf(zone) }
}

export function checkWhen(config: WhenConfig): NodeProblem[] {
  if (config.when === 'interval') return []
  const zone = config.zone.trim()
  if (zone !== '' && !isZone(zone)) return [{ code: 'schedule.zone', property: 'zone', message: `“${zone}” is no time zone.`, remedy: 'Write its IANA name, such as Asia/Taipei or Europe/Berlin.' }]
  return config.when === 'once' ? checkOnce(config) : checkCron(config)
}

function checkOnce({ at, zone }: WhenConfig): NodeProblem[] {
  try {
    if (toInstant(at, zone) > Date.now()) return []
  } catch {
    return [{ code: 'schedule.at', property: 'at', message: `“${at}” is no time.`, remedy: 'Write it like 2027-03-01T08:30:00, or with an offset: 2027-03-01T08:30:00+08:00.' }]
  }
  // A gateway that starts again later must not refuse what it ran before.
  return [{ severity: 'warning', code: 'schedule.past', property: 'at', message: `The time ${at} has passed: nothing will happen.`, remedy: 'Choose a later time, or remove the node.' }]
}

function checkCron({ cron, zone }: WhenConfig): NodeProblem[] {
  let times: Cron
  try {
    times = new Cron(cron.trim(), { paused: true, ...(zone.trim() === '' ? {} : { timezone: zone.trim() }) })
  } catch (error) {
    return [{ code: 'schedule.cron', property: 'cron', message: `The times “${cron}” cannot be read: ${(error as Error).message.replace(/\.$/, '')}.`, remedy: 'Write five fields: minute, hour, day of the month, month, day of the week. 30 8 * * MON-FRI is half past eight on working days.' }]
  }
  if (/^\S+T\S+$/.test(cron.trim())) return [{ code: 'schedule.cron', property: 'cron', message: `“${cron}” is one time, not a rule for times.`, remedy: 'Choose “once”.' }]
  if (times.nextRun(longAgo) === null) return [{ code: 'schedule.never', property: 'cron', message: `The times “${cron}” never come.`, remedy: 'Choose a day that the month has.' }]
  if (times.nextRun() === null) return [{ severity: 'warning', code: 'schedule.past', property: 'cron', message: `The times “${cron}” have all passed: nothing will happen.`, remedy: 'Choose later ones, or remove the node.' }]
  return []
}

/** A time without an offset is one of the zone, or of the machine. */
function toInstant(text: string, zone: string): number {
  const trimmed = text.trim()
  const ms = hasOffset.test(trimmed) ? Date.parse(trimmed) : new Cron(trimmed, { paused: true, ...(zone.trim() === '' ? {} : { timezone: zone.trim() }) }).nextRun(new Date(0))?.getTime()
  if (ms === undefined || Number.isNaN(ms) || !/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(trimmed)) throw new Error('no time')
  return ms
}

function zoneOf(zone: string): { readonly zone?: string } {
  return zone.trim() === '' ? {} : { zone: zone.trim() }
}

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
