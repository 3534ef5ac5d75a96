import type { PlanQuota } from '../../core/access/clients.ts'
import { quotaAlgorithms, quotaUnits } from '../../core/access/quota-windows.ts'
import { CommandFailed, exitCodes } from '../outcome.ts'

const quotaForm = new RegExp(`^(\\d+)/(\\d*)(${quotaUnits.join('|')})s?(?::(\\w+))?(?::(\\S+))?$`)
const durationMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * A quota as it is typed: `1000/day`, `100/5minutes`, `1000/month:calendar:Asia/Taipei`, `10000/total`. Fixed when nothing else is said.
 * @throws CommandFailed, wrong usage
 */
export function parseQuota(text: string): PlanQuota {
  const [, limit, every = '1', unit, algorithm = 'fixed', zone] = quotaForm.exec(text) ?? []
  const found = { unit: quotaUnits.find((one) => one === unit), algorithm: quotaAlgorithms.find((one) => one === algorithm) }
  if (limit === undefined || !found.unit || !found.algorithm) {
    throw new CommandFailed(`“${text}” is no quota. Write it as 1000/day, 100/5minutes:rolling, 5000/month:calendar:Asia/Taipei or 10000/total (units: ${quotaUnits.join(', ')}; windows: ${quotaAlgorithms.join(', ')}).`, {}, exitCodes.usage)
  }
  return { limit: Number(limit), every: Number(every || '1'), unit: found.unit, algorithm: found.algorithm, ...(zone === undefined ? {} : { zone }) }
}

/** A quota as `parseQuota` reads it. */
export function formatQuota({ limit, every, unit, algorithm, zone }: PlanQuota): string {
  return `${limit}/${every === 1 ? '' : every}${unit}${every === 1 ? '' : 's'}${algorithm === 'fixed' && zone === undefined ? '' : `:${algorithm}`}${zone === undefined ? '' : `:${zone}`}`
}

/** Milliseconds of `90s`, `30m`, `24h` or `7d`. @throws CommandFailed, wrong usage */
export function parseDurationMs(text: string): number {
  const [, amount, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (amount === undefined) throw new CommandFailed(`“${text}” is no duration. Write it as 90s, 30m, 24h or 7d.`, {}, exitCodes.usage)
  return Number(amount) * durationMs[unit]!
}

/** A number of an option. @throws CommandFailed, wrong usage */
export function parseNumber(name: string, text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number)) throw new CommandFailed(`${name} takes a number, not “${text}”.`, {}, exitCodes.usage)
  return number
}

/** Versions by family, typed as `orders=v1`. @throws CommandFailed, wrong usage */
export function parsePins(pins: readonly string[]): Record<string, string> {
  return Object.fromEntries(pins.map((pin) => {
    const [, family, version] = /^([^=\s]+)=(\S+)$/.exec(pin) ?? []
    if (family === undefined || version === undefined) throw new CommandFailed(`“${pin}” holds to no version. Write it as orders=v1: the family of the API, then the version.`, {}, exitCodes.usage)
    return [family, version]
  }))
}
