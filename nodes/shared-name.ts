import type { Scope } from '../runtime/core/node.ts'

/**
 * What a name that nodes share stands for in the store: the same name is another thing in each organisation, so that nobody
 * counts, corrects or signs in where somebody else does.
 */
export function sharedName({ node: { organisation } }: Pick<Scope, 'node'>, name: string): string {
  return organisation === undefined ? name : `${organisation}:${name}`
}
