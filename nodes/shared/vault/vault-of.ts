import { fault } from '../../../runtime/core/fault.ts'
import type { Scope } from '../../../runtime/core/node.ts'
import type { Vault, VaultAnswer } from '../../../runtime/core/secrets/vault.ts'

/** The vault, for a node that cannot do without. @throws Fault `config.invalid` that says what to set: the deploy is refused */
export function vaultOf({ vault, node }: Scope): Vault {
  if (vault) return vault
  throw fault('config.invalid', { message: `A ${node.type} node needs the vault, and this gateway knows of none. Set SLUICE_VAULT_URL and SLUICE_VAULT_GATEWAY_TOKEN, or let start run one (SLUICE_VAULT=auto).` })
}

/** What the vault refused, as a fault that names the field as the flow does. Nothing when it answered. */
export function refusalOf(answer: VaultAnswer, path: string): ReturnType<typeof fault> | undefined {
  if (!('fault' in answer)) return undefined
  const retryAfter = answer.facts?.retryAfter
  return fault(answer.fault, { ...answer.facts, path }, undefined, retryAfter === undefined ? undefined : { 'Retry-After': String(retryAfter) })
}
