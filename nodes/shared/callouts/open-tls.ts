import type { Scope } from '../../../runtime/core/node.ts'
import { toUpstreamTls } from '../../../runtime/core/upstream/tls-profile.ts'
import type { UpstreamTls } from '../../../runtime/core/upstream/upstream.ts'

/** The TLS profile that a node names, if it names one. @throws Fault `config.invalid` */
export function openTls(id: string, { configNode, env }: Pick<Scope, 'configNode' | 'env'>): UpstreamTls | undefined {
  const node = id === '' ? undefined : configNode(id)
  return node && toUpstreamTls(node, (name) => env(name))
}
