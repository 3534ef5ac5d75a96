import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { NodeDefinition } from '../runtime/core/node.ts'

const here = import.meta.dirname
const require = createRequire(import.meta.url)

/**
 * Finds nodes by type and loads the files of each when it is first asked for: a gateway begins with the nodes that its flows
 * are made of. What a deploy brings that is new is loaded while it is prepared, some milliseconds once.
 * @returns a finder; it answers `undefined` for types that are no node
 */
export function loadOnDemand(): (type: string) => NodeDefinition | undefined {
  const folders = new Set(readdirSync(here, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'shared').map(({ name }) => name))
  const found = new Map<string, NodeDefinition>()
  return (type) => {
    const known = found.get(type)
    if (known) return known
    const folder = type.replaceAll(' ', '-')
    const node = folders.has(folder) ? load(folder, type) : undefined
    // Of what is no node nothing is kept: what flows name may be anything.
    if (node) found.set(type, node)
    return node
  }
}

function load(folder: string, type: string): NodeDefinition | undefined {
  const exported = Object.values(require(join(here, folder, `${folder}.ts`)) as Readonly<Record<string, Partial<NodeDefinition>>>)
  return exported.find((one) => one?.type === type) as NodeDefinition | undefined
}
