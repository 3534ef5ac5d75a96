import type { Claim } from '../../runtime/core/deployment.ts'
import type { AuthConfig } from './auth-config.ts'

/** Where the methods of a node look for who calls, in the order drawn. */
export function toClaims({ methods }: AuthConfig): readonly Claim[] {
  return methods.map(({ kind, name }): Claim => {
    switch (kind) {
      case 'key header': return { kind: 'key', header: name.trim().toLowerCase() }
      case 'key query': return { kind: 'key', query: name.trim() }
      case 'jwt':
      case 'introspection': return { kind: 'bearer' }
      default: return { kind }
    }
  })
}
