import type { Vault } from '../core/secrets/vault.ts'

/** The vault as the nodes of an organisation's flow have it: each ask says whose flow it is from, whatever the node says. */
export function ownedVault(vault: Vault, organisation: string | undefined): Vault {
  if (organisation === undefined) return vault
  return { ask: (asks, options) => vault.ask(asks.map((one) => ({ ...one, organisation })), options) }
}
