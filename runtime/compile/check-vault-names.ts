import type { Problem } from '../core/flow.ts'
import type { NodeDefinition } from '../core/node.ts'
import { mayUseVaultName, type VaultName } from '../core/secrets/vault-name.ts'

/** A domain or key of the vault, and the node that names it. */
export type UsedVaultName = VaultName & { readonly flow: string; readonly node: string }

/** What a node names of the vault, each once. What the environment decides where the flow runs is left out. */
export function vaultNamesOf(definition: NodeDefinition, config: unknown, origin: { readonly node: string; readonly flow: string }): readonly UsedVaultName[] {
  const named = definition.vaultNames?.(config) ?? []
  return named.filter(({ kind, name }, place) => name !== '' && !name.includes('${') && named.findIndex((one) => one.kind === kind && one.name === name) === place).map((one) => ({ ...one, ...origin }))
}

/**
 * A flow of an organisation works on domains and keys of its own: a caller who may see values of another one's domain would
 * otherwise see them through this flow, which the other never agreed to.
 */
export function checkVaultNames(names: readonly UsedVaultName[], organisation: string | undefined): Problem[] {
  return names.filter(({ name }) => !mayUseVaultName(organisation, name)).map(({ kind, name, flow, node, property }): Problem =>
    kind === 'domain'
      ? {
          severity: 'error', code: 'domain.foreign', flow, node, property, message: `The flow is of the organisation “${organisation}”, and the domain “${name}” is not.`,
          remedy: `Domains of this organisation are called ${organisation}.name, with no other dot: have one made under such a name.`,
        }
      : {
          severity: 'error', code: 'key.foreign', flow, node, property, message: `The flow is of the organisation “${organisation}”, and the key “${name}” is not.`,
          remedy: `Keys of this organisation are called ${organisation}.name, with no other dot: have one made under such a name.`,
        })
}
