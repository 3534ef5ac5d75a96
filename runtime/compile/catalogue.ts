import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import type { NodeDefinition } from '../core/node.ts'
import { copyJson } from './copy-json.ts'

/** Node types that belong to the flow format itself: the compiler resolves them, they have no step. */
export const structuralTypes: ReadonlySet<string> = new Set(['tab', 'subflow', 'group', 'junction', 'comment', 'global-config', 'link in', 'link out', 'link call'])

/** A node type that Node-RED has and this product does not run. */
export interface NotYet {
  readonly type: string
  /** Refused by policy, not merely missing. */
  readonly never?: boolean
}

/** The nodes there are: a list, or what finds one by its type. */
export type Nodes = readonly NodeDefinition[] | ((type: string) => NodeDefinition | undefined)

/** All node types that can be compiled, by name, with their validators made once. */
export interface Catalogue {
  get(type: string): NodeDefinition | undefined
  notYet(type: string): NotYet | undefined
  /** Brings a config to the current shape, fills defaults, and says what does not fit the schema. */
  configure(definition: NodeDefinition, properties: Readonly<Record<string, unknown>>): Configured
}

/** A config with its defaults, and what in it does not fit the schema. */
export interface Configured {
  readonly config: Record<string, unknown>
  readonly errors: readonly ErrorObject[]
}

export function createCatalogue(nodes: Nodes, notYet: readonly NotYet[] = []): Catalogue {
  // Schemas are ours and fixed, so Ajv's code generation never sees a user's text; that they are right is a test's business,
  // as compiling the schema of schemas would take longer than all of ours.
  const ajv = new Ajv({ strict: false, allErrors: true, useDefaults: true, validateSchema: false })
  const find = typeof nodes === 'function' ? nodes : findIn(nodes)
  const missing = new Map(notYet.map((entry) => [entry.type, entry]))
  const validators = new Map<string, ValidateFunction>()
  return {
    get: find,
    notYet: (type) => missing.get(type),
    configure(definition, properties) {
      const config = definition.migrate ? definition.migrate(copyJson(properties)) : copyJson(properties)
      let validate = validators.get(definition.type)
      if (!validate) validators.set(definition.type, (validate = ajv.compile(definition.config)))
      const valid = validate(config)
      return { config: config as Record<string, unknown>, errors: valid ? [] : [...(validate.errors ?? [])] }
    },
  }
}

function findIn(list: readonly NodeDefinition[]): (type: string) => NodeDefinition | undefined {
  const byType = new Map(list.map((definition) => [definition.type, definition]))
  return (type) => byType.get(type)
}
