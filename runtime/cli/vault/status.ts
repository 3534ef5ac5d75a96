import type { VaultStatus } from '../../../control/contract.ts'
import { exitCodes, type Output } from '../outcome.ts'
import { toLines } from '../records/print.ts'
import type { VaultAdminClient } from './client.ts'

/** `sluice vault status`: fails when the vault is unhealthy. */
export async function runVaultStatus(client: VaultAdminClient, output: Output): Promise<number> {
  const status = await client.status()
  output.result(toText(status), { ...status })
  return status.ok ? exitCodes.done : exitCodes.failed
}

/** `sluice vault rotate-master-key` */
export async function runRotateMasterKey(client: VaultAdminClient, output: Output): Promise<void> {
  const status = await client.rotateMasterKey()
  output.result(toText(status), { ...status })
  output.note('Keep the older version until nothing is left to seal, and for as long as backups of that time are kept.')
}

function toText({ ok, masterKey, store, domains, tokens, toReseal, keys, certificates }: VaultStatus): string {
  return toLines([
    ['state', ok ? 'healthy' : 'unhealthy'], ['store', store], ['domains', domains], ['tokens', tokens], ['master key', `${masterKey.provider} ${masterKey.id}, since ${masterKey.since}`],
    ['still under an older key', toReseal === 0 ? 'none' : `${toReseal}, going on in the background`],
    ...(keys && keys.scheduled > 0 ? [['keys on a schedule', `${keys.scheduled}${keys.next ? `, the next is ${keys.next.key} on ${keys.next.at}` : ''}${keys.overdue > 0 ? `; overdue: ${keys.overdue}` : ''}`] as const] : []),
    ...(certificates && certificates.imported > 0 ? [['certificates', `${certificates.imported}, ${certificates.expired === 0 ? `the first ends in ${certificates.leastDaysLeft} days` : `${certificates.expired} expired`}`] as const] : []),
  ])
}
