import type { DataKeyWear, VaultStatus } from '../../../control/contract.ts'
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

function toText({ ok, masterKey, store, domains, tokens, toReseal, dataKeys, keys, certificates }: VaultStatus): string {
  return toLines([
    ['state', ok ? 'healthy' : 'unhealthy'], ['store', store], ['domains', domains], ['tokens', tokens], ['master key', `${masterKey.provider} ${masterKey.id}, since ${masterKey.since}`],
    ['still under an older key', toReseal === 0 ? 'none' : `${toReseal}, going on in the background`],
    ...(dataKeys ? sayDataKeys(dataKeys).map((line, place) => [place === 0 ? 'data keys' : '', line] as const) : []),
    ...(keys && keys.scheduled > 0 ? [['keys on a schedule', `${keys.scheduled}${keys.next ? `, the next is ${keys.next.key} on ${keys.next.at}` : ''}${keys.overdue > 0 ? `; overdue: ${keys.overdue}` : ''}`] as const] : []),
    ...(certificates && certificates.imported > 0 ? [['certificates', `${certificates.imported}, ${certificates.expired === 0 ? `the first ends in ${certificates.leastDaysLeft} days` : `${certificates.expired} expired`}`] as const] : []),
  ])
}

/** The ones that sealed most, one a line; the others are far from being replaced. */
function sayDataKeys({ used = [], replaced }: NonNullable<VaultStatus['dataKeys']>): string[] {
  const lines = used.map((one) => `${one.scope.replace(':', ' ')}: ${sayWear(one)}`)
  return [...(lines.length > 0 ? lines : ['none has sealed 65,536 values']), ...(replaced > 0 ? [`${replaced} replaced by themselves since the vault started`] : [])]
}

/** How far a data key is used, and when another one takes its place. */
export function sayWear({ version, since, seals, share, fullAt }: DataKeyWear): string {
  const used = seals === 0 ? 'sealed fewer than 65,536 values' : `sealed about ${seals.toLocaleString('en')} values, ${(share * 100).toLocaleString('en', { maximumSignificantDigits: 2 })} % of what it does`
  return `version ${version}, since ${since.slice(0, 10)}, ${used}${fullAt === undefined ? '' : `; replaced by itself about ${fullAt.slice(0, 10)}`}`
}
