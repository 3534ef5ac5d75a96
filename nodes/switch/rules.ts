/** Operators of the stock form. */
export const operators = [
  'eq', 'neq', 'lt', 'lte', 'gt', 'gte', 'hask', 'btwn', 'cont', 'regex', 'true', 'false', 'null', 'nnull', 'istype', 'empty', 'nempty',
  'head', 'index', 'tail', 'jsonata_exp', 'else',
] as const

export type Operator = (typeof operators)[number]

/** One rule, one output. */
export interface SwitchRule {
  readonly t: Operator
  readonly v?: unknown
  readonly vt: string
  readonly v2?: unknown
  readonly v2t?: string
  /** regex: ignore case. */
  readonly case?: boolean
}

/** Operators that compare with nothing. */
const valueless: ReadonlySet<string> = new Set(['true', 'false', 'null', 'nnull', 'empty', 'nempty', 'else', 'istype'])

/** True if the rule's values are typed inputs to be read. */
export const hasValue = (rule: SwitchRule): boolean => !valueless.has(rule.t)

/** Gives rules without types the ones Node-RED would guess. */
export function migrateRule(rule: unknown): unknown {
  if (typeof rule !== 'object' || rule === null) return rule
  const { vt, v2t, ...rest } = rule as Record<string, unknown>
  const migrated: Record<string, unknown> = { ...rest, vt: vt || guess(rest.v) }
  if (rest.v2 !== undefined) migrated.v2t = v2t || guess(rest.v2)
  return migrated
}

function guess(value: unknown): 'num' | 'str' {
  return Number.isNaN(Number(value)) ? 'str' : 'num'
}
