import { type CredentialUse, isLent, listedHosts, unlistedServer } from '../core/access/credential-use.ts'
import type { Problem } from '../core/flow.ts'
import type { ConfigNodeView } from '../core/node.ts'
import type { AssembledFlow } from './assemble.ts'
import { nameOf } from './check-document.ts'
import { lookUpEnv, substituteProperties, type Surroundings } from './env.ts'
import type { Estate, FlowNode } from './flow.ts'
import { organisationOf } from './organisation-of.ts'
import { ownProperties } from './own-properties.ts'

/** The code of what goes on in flows that were deployed before it was asked for, and is refused in those that change. */
export const lentCredentials = 'callout.auth_lent'

/** Finds credentials that would be sent where they may not be, as far as it can be said without a gateway's environment. */
export function checkLentCredentials({ flow, configs }: AssembledFlow, estate: Estate, around: Surroundings): Problem[] {
  const organisation = organisationOf(flow.document)
  return [...flow.nodes.values()].flatMap((node) => {
    const config = configs.get(node.id)
    if (!node.definition?.sends || !config) return []
    const env = (name: string) => lookUpEnv(node, name, around)
    const configNode = (id: string) => viewOf(id, { flow, estate, organisation, env })
    return node.definition.sends(config, { configNode, env }).flatMap((use) => {
      const credentials = configNode(use.credentials)
      return credentials ? judge(node, use, credentials, organisation) : []
    })
  })
}

function judge(node: FlowNode, use: CredentialUse, credentials: ConfigNodeView, organisation: string | undefined): Problem[] {
  const named = nameOf({ id: use.credentials, type: credentials.type, name: credentials.config['name'] })
  const place = { severity: 'error' as const, ...placeOf(node), ...(node.container.instance ? {} : { property: use.property }) }
  if (isLent(use, credentials, organisation)) {
    return [{
      ...place, code: lentCredentials,
      message: `${named} belongs to nobody, and does not say where it may be sent: this flow is of the organisation “${organisation as string}”, and could send it anywhere.`,
      remedy: 'Have the servers listed in “May be sent to” of the credentials by who keeps them, have them chosen in an upstream that belongs to nobody, or make credentials on this tab.',
    }]
  }
  const other = unlistedServer(use, credentials)
  if (other === undefined) return []
  const list = listedHosts(credentials)
  return [{
    ...place, code: 'callout.auth_host',
    message: `${named} may not be sent to ${new URL(other).host}: it lists ${list.slice(0, 5).join(', ')}${list.length > 5 ? ' and others' : ''}.`,
    remedy: 'Call one of the servers that are listed, have this one added to “May be sent to” of the credentials, or choose other credentials.',
  }]
}

/** On its tab: inside a subflow its instance there, whose environment decides as well. */
function placeOf(node: FlowNode): FlowNode['origin'] {
  let at = node
  while (at.container.instance) at = at.container.instance
  return at.origin
}

interface Around {
  readonly flow: AssembledFlow['flow']
  readonly estate: Estate
  readonly organisation: string | undefined
  env(name: string): unknown
}

/** A config node as a node of this flow gets it: of the same tab, or one that belongs to nobody. Without its secrets. */
function viewOf(id: string, { flow, estate, organisation, env }: Around): ConfigNodeView | undefined {
  const toView = (type: string, drawn: Readonly<Record<string, unknown>>, owner: string | undefined): ConfigNodeView => (
    { type, config: substituteProperties(drawn, env) as Record<string, unknown>, drawn, credentials: {}, ...(owner === undefined ? {} : { organisation: owner }) }
  )
  const local = flow.nodes.get(id)
  if (local) return toView(local.type, local.properties, organisation)
  const global = estate.global?.nodes.find((candidate) => candidate.id === id && candidate.d !== true)
  return global && toView(global.type, ownProperties(global), undefined)
}
