import { Gauge, Registry } from 'prom-client'
import { addProcessMetrics } from './process-metrics.ts'

/** What a vault says of itself in numbers, in plain words: the metrics know no vault. */
export interface VaultNumbers {
  readonly domains: number
  readonly tokens: number
  readonly toReseal: number
  readonly dataKeys: { readonly replaced: number; readonly fullest: number }
  readonly keys?: { readonly scheduled: number; readonly overdue: number; readonly replaced: number; readonly next?: { readonly at: string } }
  readonly certificates: readonly { readonly name: string; readonly daysLeft: number }[]
}

export interface VaultMetrics {
  /** Prometheus text exposition format. Never rejects: a vault that cannot be asked shows `sluice_vault_up 0`. */
  text(): Promise<string>
  readonly contentType: string
}

/** Certificates with a series of their own, those that end first. */
const mostCertificates = 1000

/** Metrics of one vault; `read` is asked at each scrape. No value, no token and no name of a subject is in them. */
export function createVaultMetrics({ read, process = true }: { readonly read: () => Promise<VaultNumbers>; readonly process?: boolean }): VaultMetrics {
  const registry = new Registry()
  if (process) addProcessMetrics(registry)
  const gauge = (name: string, help: string, labelNames: string[] = []) => new Gauge({ name: `sluice_vault_${name}`, help, labelNames, registers: [registry] })
  const up = gauge('up', '1 while the vault can read its database.')
  const daysLeft = gauge('certificate_days_left', 'Whole days until an imported certificate, or the first of its chain, ends; below 0 when it has.', ['certificate'])
  const fullest = gauge('data_key_fullest_ratio', 'How much of what it does before it is replaced by itself the newest data key that sealed most has done; it is replaced at 1, half of what NIST SP 800-38D allows.')
  const replaced = gauge('data_keys_replaced', 'Data keys that this vault has replaced by itself since it started.')
  const keysScheduled = gauge('keys_scheduled', 'Keys by name that are replaced on a schedule.')
  const keysOverdue = gauge('keys_overdue', 'Of those, due for more than an hour.')
  const keysReplaced = gauge('keys_replaced', 'Versions of keys that this vault made by schedule since it started.')
  const keyDue = gauge('key_next_due_timestamp_seconds', 'When the key that is due first is to be replaced; 0 when none is on a schedule.')
  const toReseal = gauge('rows_to_reseal', 'Rows and data keys still under an older key, while a rotation goes on.')
  const domains = gauge('domains', 'Domains of tokens.')
  const tokens = gauge('tokens', 'Tokens; on PostgreSQL an estimate above 100,000.')

  return {
    contentType: registry.contentType,
    async text() {
      // A certificate that was removed has no series any more.
      daysLeft.reset()
      try {
        const numbers = await read()
        for (const { name, daysLeft: days } of numbers.certificates.toSorted((a, b) => a.daysLeft - b.daysLeft).slice(0, mostCertificates)) daysLeft.set({ certificate: name }, days)
        fullest.set(numbers.dataKeys.fullest)
        replaced.set(numbers.dataKeys.replaced)
        keysScheduled.set(numbers.keys?.scheduled ?? 0)
        keysOverdue.set(numbers.keys?.overdue ?? 0)
        keysReplaced.set(numbers.keys?.replaced ?? 0)
        keyDue.set(numbers.keys?.next ? Date.parse(numbers.keys.next.at) / 1000 : 0)
        toReseal.set(numbers.toReseal)
        domains.set(numbers.domains)
        tokens.set(numbers.tokens)
        up.set(1)
      } catch {
        up.set(0)
      }
      return await registry.metrics()
    },
  }
}
