import type { AssembledFlow } from '../compile/assemble.ts'
import type { Catalogue } from '../compile/catalogue.ts'
import { propertyOf } from '../compile/check-document.ts'
import { lookUpEnv, lookUpTabEnv, substituteProperties, type Surroundings } from '../compile/env.ts'
import type { FlowNode } from '../compile/flow.ts'
import { fault } from '../core/fault.ts'
import { noSecrets, resolveProperties, type SecretValues } from './resolve-secrets.ts'

/**
 * The config of a node with secrets and computed values filled in, which are known only now.
 * @throws Fault `config.invalid` when what the environment fills in does not fit the node
 */
export function fillConfig(node: FlowNode, assembled: AssembledFlow, around: Surroundings, catalogue: Catalogue, secrets: SecretValues = noSecrets): Readonly<Record<string, unknown>> {
  const known = assembled.configs.get(node.id) ?? {}
  if (!node.definition) return known
  const resolved = resolveProperties(node.definition, node.properties, secrets)
  if (resolved === node.properties && !/\$[{(]/.test(JSON.stringify(node.properties))) return known
  const properties = substituteProperties(resolved, (name) => lookUpEnv(node, name, around)) as Record<string, unknown>
  const { config, errors } = catalogue.configure(node.definition, properties)
  const [error] = errors
  if (error) throw fault('config.invalid', { property: propertyOf(error), message: `“${propertyOf(error)}” ${error.message ?? 'is not valid'}, as the environment fills it in.` })
  // Routes and timers were settled without secrets and computed values: one that depends on them would be another.
  if (node.definition.entry && JSON.stringify(node.definition.entry(config)) !== JSON.stringify(node.definition.entry(known))) {
    throw fault('config.invalid', { message: 'How the flow is reached depends on a variable that is secret or computed.', remedy: 'Use a variable with a plain value there.' })
  }
  return config
}

/** The deadline that a flow has set for itself, else `deadlineMs`. */
export function flowDeadlineMs({ flow }: AssembledFlow, around: Surroundings, deadlineMs: number): number {
  const value = Number(lookUpTabEnv(flow.container, 'SLUICE_DEADLINE_MS', around))
  return Number.isFinite(value) && value > 0 ? value : deadlineMs
}
