import { CommandFailed, type Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { toColumns } from './print.ts'

/** `sluice audit verify`: fails when an entry was changed, taken out or put in. */
export async function runAuditVerify(client: RecordsClient, output: Output): Promise<void> {
  const verdict = await client.verifyAudit()
  if (!verdict.ok) throw new CommandFailed(`The audit log was tampered with: entry ${verdict.number} is the first bad one. ${verdict.reason} It has ${verdict.entries} entries.`, { ...verdict })
  output.result(`The audit log is whole: ${verdict.entries} entries, head ${verdict.head}${verdict.anchored === undefined ? '' : `, anchored up to entry ${verdict.anchored}`}.`, { ...verdict })
}

/** `sluice audit list`: newest first. */
export async function runAuditList(client: RecordsClient, options: { readonly subject?: string; readonly user?: string; readonly action?: string }, output: Output): Promise<void> {
  const { subject, user, action } = options
  const { items } = await client.audit({ limit: 200, ...(subject ? { subject } : {}), ...(user ? { user } : {}), ...(action ? { action } : {}) })
  output.result(items.length === 0 ? 'No entries.' : toColumns(['NO', 'WHEN', 'WHO', 'FROM', 'ACTION', 'RECORD'], items.map((one) => [String(one.number), one.at, one.user, one.from ?? '-', one.action, one.subject ?? '-'])), { items })
}
