import { toUpstreamTls } from '../../runtime/core/upstream/tls-profile.ts'
import type { Flows, PartnerTls } from '../contract.ts'
import type { KeptCredentials } from '../credentials/kept-credentials.ts'

/** Client certificate and authorities of a TLS configuration of the current flows; `undefined` when there is none. @throws Fault when it cannot be used */
export async function tlsProfileOf(id: string, flows: Pick<Flows, 'current'>, kept: Pick<KeptCredentials, 'live'>): Promise<PartnerTls | undefined> {
  const { nodes } = await flows.current()
  const node = nodes.find((one) => one.id === id && one.type === 'tls-config')
  if (!node) return undefined
  if (node.certType === 'env') throw new Error('The TLS configuration takes its certificates from the environment of gateways, which control does not have. Use one with uploaded files.')
  return toUpstreamTls({ type: 'tls-config', config: node, credentials: kept.live.get(id) ?? {} }, () => undefined)
}
