import { dayMs, daysLeft, type KeptCertificate } from './certificate-facts.ts'

/** Days before the end at which it is said, the first first; at the end it is said once more. */
export const alarmDays: readonly number[] = [60, 30, 14, 7, 1, 0]

export interface Alarm {
  readonly name: string
  readonly daysLeft: number
  /** The threshold that was crossed; 0: it is past. */
  readonly atDays: number
}

/**
 * What has to be said of certificates now: of each the nearest threshold it has crossed, unless that, or a nearer one, was said already.
 * Of several that were crossed while nobody looked, one line says all.
 */
export function dueAlarms(certificates: readonly { readonly name: string; readonly kept: Pick<KeptCertificate, 'endsAt' | 'saidDays'> }[], nowMs: number): readonly Alarm[] {
  return certificates.flatMap(({ name, kept }) => {
    const crossed = alarmDays.filter((days) => Date.parse(kept.endsAt) - nowMs <= days * dayMs)
    const atDays = crossed.at(-1)
    if (atDays === undefined || (kept.saidDays !== undefined && kept.saidDays <= atDays)) return []
    return [{ name, daysLeft: daysLeft(kept, nowMs), atDays }]
  })
}
