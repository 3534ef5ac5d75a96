/** Something of the vault that a node names: where its tokens are unique, or the key that it uses. */
export interface VaultName {
  readonly kind: 'domain' | 'key'
  readonly name: string
  /** Config property that holds it. */
  readonly property: string
}

/**
 * Whether something that is an organisation's may name this domain, key or secret of the vault: those that are called after it, `shop.token`,
 * and then hold no other dot, as an organisation may be called `shop.eu`. What is nobody's may name all: only who draws everywhere can change it.
 */
export function mayUseVaultName(organisation: string | undefined, name: string): boolean {
  return organisation === undefined || (name.startsWith(`${organisation}.`) && !name.slice(organisation.length + 1).includes('.'))
}
