import { fault, type Fault } from '../core/fault.ts'
import type { Problem } from '../core/flow.ts'
import type { FoundSecrets } from '../core/secrets/vault.ts'
import { noSecrets, type SecretValues } from './resolve-secrets.ts'
import type { SecretUse } from './secret-use.ts'

/** What came of the secrets that a flow refers to. */
export type SettledSecrets =
  | {
      readonly values: SecretValues
      readonly versions: ReadonlyMap<string, number>
      /** Why nothing new may be linked with them: some are gone from the vault, and their last values are held. */
      readonly gone: readonly Problem[]
    }
  /** Some cannot be had. */
  | { readonly reason: Fault; readonly problems: readonly Problem[] }

const nothing: SettledSecrets = { values: noSecrets, versions: new Map(), gone: [] }

/** @param found `undefined`: there is no vault here */
export function settleSecrets({ places, problems }: SecretUse, found: FoundSecrets | undefined): SettledSecrets {
  if (problems.length > 0) return { reason: fault('config.invalid', { message: problems[0]?.message }), problems }
  if (places.size === 0) return nothing
  const values = new Map<string, string>()
  const versions = new Map<string, number>()
  const missing: Problem[] = []
  const gone: Problem[] = []
  let reason: Fault | undefined
  for (const [name, place] of places) {
    const held = found?.values.get(name)
    if (held) {
      values.set(name, held.value)
      versions.set(name, held.version)
    }
    const isUnknown = found?.unknown.has(name) === true
    if (held && !isUnknown) continue
    const list = held ? gone : missing
    if (isUnknown) {
      if (!held) reason ??= fault('secret.unknown', { name })
      list.push({
        severity: 'error', code: 'secret.unknown', ...place, message: `The vault has no secret “${name}”, to which “${place.property}” refers.`,
        remedy: 'Make it on the page of the vault or with “sluice vault secrets set”, or correct the name.',
      })
    } else if (found) {
      reason ??= fault('vault.unavailable')
      list.push({
        severity: 'error', code: 'vault.unavailable', ...place, message: `No vault answers at the moment, and “${place.property}” refers to its secret “${name}”.`,
        remedy: 'See to it that a vault runs and that SLUICE_VAULT_URL names it, and deploy again.',
      })
    } else {
      reason ??= fault('vault.unavailable')
      list.push({
        severity: 'error', code: 'secret.no_vault', ...place, message: `“${place.property}” refers to the secret “${name}”, but this gateway has no vault.`,
        remedy: 'Start one (“sluice vault”) and name it to the gateways in SLUICE_VAULT_URL; or type the value into the credentials.',
      })
    }
  }
  return reason ? { reason, problems: missing } : { values, versions, gone }
}
