/** One rule as the stock form writes it, after migration: every type is there. */
export interface ChangeRule {
  readonly t: 'set' | 'change' | 'delete' | 'move'
  readonly p: string
  readonly pt: 'msg' | 'flow' | 'global'
  readonly to?: unknown
  readonly tot: string
  readonly from?: unknown
  readonly fromt: string
}

/** Brings rules of all ages to one shape; what is no rule stays as it is for the schema to refuse. */
export function migrateRules(config: Readonly<Record<string, unknown>>): unknown[] {
  if (Array.isArray(config.rules)) return config.rules.map((rule: unknown) => (isRecord(rule) ? migrateRule(rule) : rule))
  if (config.action === undefined || config.action === '') return []
  // Before rules there was one action per node.
  return [
    migrateRule({
      t: config.action === 'replace' ? 'set' : config.action,
      p: config.property ?? '',
      to: config.to ?? '',
      from: config.from ?? '',
      ...(config.action === 'change' ? { re: config.reg === null || config.reg } : {}),
    }),
  ]
}

function migrateRule(old: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { re, ...rule } = old
  const migrated: Record<string, unknown> = { ...rule, pt: rule.pt || 'msg' }
  if (rule.t === 'change' && re) migrated.fromt = 're'
  if (rule.t === 'set' && !rule.tot && typeof rule.to === 'string' && rule.to.startsWith('msg.')) {
    migrated.to = rule.to.slice(4)
    migrated.tot = 'msg'
  }
  migrated.tot = migrated.tot || (rule.t === 'move' ? 'msg' : 'str')
  migrated.fromt = migrated.fromt || 'str'
  return migrated
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
