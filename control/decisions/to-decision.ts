import type { Decision } from '../../runtime/core/access/decision.ts'

const bodyCharacters = 64 * 1024
const longest = 300

/** A decision as a gateway sent it; `undefined` when it is none. What is not part of one is left out. */
export function toDecision(value: unknown): Decision | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const given = value as Readonly<Record<string, unknown>>
  const { checks, at, status, decidedBy, passesAtMs } = given
  if (!isTime(at) || !Number.isSafeInteger(status) || !Number.isSafeInteger(decidedBy)) return undefined
  if (!Array.isArray(checks) || !checks.every(isCheck)) return undefined
  if (!required.every((name) => isWord(given[name]) && given[name] !== '')) return undefined
  if (!optional.every((name) => given[name] === undefined || isWord(given[name]))) return undefined
  const words = [...required, ...optional].filter((name) => given[name] !== undefined).map((name) => [name, given[name]])
  const decision = { ...Object.fromEntries(words), at, status, checks, decidedBy, ...(isTime(passesAtMs) ? { passesAtMs } : {}) } as unknown as Decision
  return JSON.stringify(decision).length <= bodyCharacters ? decision : undefined
}

const required = ['id', 'run', 'flow', 'node', 'nodeType', 'code'] as const
const optional = ['nodeName', 'application', 'organisation', 'api', 'provider', 'plan', 'method', 'route', 'ip'] as const

/** No NUL: PostgreSQL takes none. */
function isWord(value: unknown): value is string {
  return typeof value === 'string' && value.length <= longest && !value.includes('\0')
}

/** Within what a date can hold as text of the usual length. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < 253_402_300_800_000
}

function isCheck(value: unknown): boolean {
  const check = value as { readonly check?: unknown; readonly passed?: unknown } | null
  return typeof check === 'object' && check !== null && typeof check.check === 'string' && typeof check.passed === 'boolean'
}
