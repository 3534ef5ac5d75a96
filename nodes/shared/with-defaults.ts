import type { JsonSchema } from '../../runtime/core/node.ts'

/** The config of a config node as it was drawn, what is empty filled in by its schema. */
export function withDefaults<C>({ properties }: JsonSchema, config: Readonly<Record<string, unknown>>): C {
  const defaults = Object.entries(properties as Readonly<Record<string, { readonly default?: unknown }>>).map(([name, property]) => [name, property.default] as const)
  const given = Object.entries(config).filter(([, value]) => value !== undefined && value !== null && value !== '')
  return Object.fromEntries([...defaults, ...given]) as C
}
