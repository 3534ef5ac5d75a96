import type { ClientRules } from './clients.ts'
import type { FaultCode } from '../faults.ts'
import { parseNetworks, type Networks } from './networks.ts'
import { parseServiceHours, type OpeningHours } from './service-hours.ts'

/** One thing that was looked at on the way to a decision. Holds no secret. */
export interface Check {
  readonly check: string
  readonly passed: boolean
  readonly [fact: string]: unknown
}

export interface RulesDecision {
  /** What refused; absent when everything passed. */
  readonly code?: FaultCode
  /** When the same call can pass, ms since the epoch, if time alone can make it so. */
  readonly retryAtMs?: number
  /** In order; the last one decided. */
  readonly checks: readonly Check[]
}

/** Decides whether the rules of a client let a call from an address at a time through. */
export type DecideRules = (rules: ClientRules, call: { readonly ip: string; readonly nowMs: number }) => RulesDecision

interface Parsed {
  readonly networks?: Networks
  readonly fromMs?: number
  readonly untilMs?: number
  readonly hours?: OpeningHours
  readonly wrong?: string
}

const free: RulesDecision = Object.freeze({ checks: Object.freeze([]) })

/**
 * Makes a decider that parses each record's rules once. Records are never changed, a new version is a new object.
 * A rule that cannot be read refuses: nobody gets in because of a typing error.
 */
export function createRulesDecider(): DecideRules {
  const known = new WeakMap<ClientRules, Parsed>()
  return (rules, { ip, nowMs }) => {
    let parsed = known.get(rules)
    if (parsed === undefined) known.set(rules, (parsed = parseRules(rules)))
    const { networks, fromMs, untilMs, hours, wrong } = parsed
    if (wrong !== undefined) return { code: 'client.rules', checks: [{ check: 'rules', passed: false, reason: wrong }] }
    if (!networks && fromMs === undefined && untilMs === undefined && !hours) return free
    const checks: Check[] = []
    const look = (check: Check): boolean => {
      checks.push(check)
      return check.passed
    }
    if (networks && !look({ check: 'network', passed: networks.has(ip), ip, networks: rules.cidrs })) return { code: 'ip.denied', checks }
    if (fromMs !== undefined && !look({ check: 'valid from', passed: nowMs >= fromMs, from: rules.validFrom })) return { code: 'plan.not_yet_valid', retryAtMs: fromMs, checks }
    if (untilMs !== undefined && !look({ check: 'valid until', passed: nowMs < untilMs, until: rules.validUntil })) return { code: 'plan.expired', checks }
    if (hours) {
      const isOpen = hours.isOpen(nowMs)
      const retryAtMs = isOpen ? undefined : hours.nextOpening(nowMs)
      look({ check: 'service hours', passed: isOpen, zone: rules.hours?.zone, windows: rules.hours?.windows, ...(retryAtMs === undefined ? {} : { opensAtMs: retryAtMs }) })
      if (!isOpen) return { code: 'plan.hours', checks, ...(retryAtMs === undefined ? {} : { retryAtMs }) }
    }
    return { checks }
  }
}

function parseRules({ cidrs, validFrom, validUntil, hours }: ClientRules): Parsed {
  try {
    return {
      ...(cidrs && cidrs.length > 0 ? { networks: parseNetworks(cidrs) } : {}),
      ...(validFrom ? { fromMs: toMs(validFrom) } : {}),
      ...(validUntil ? { untilMs: toMs(validUntil) } : {}),
      ...(hours ? { hours: parseServiceHours(hours) } : {}),
    }
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) }
  }
}

/** RFC 3339 date and time. */
function toMs(text: string): number {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/i.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms)) throw new TypeError(`“${text}” is no date and time such as 2026-01-31T00:00:00Z.`)
  return ms
}
