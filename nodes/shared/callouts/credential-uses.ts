import { type CredentialFacts, type CredentialUse, isLent, unlistedServer } from '../../../runtime/core/access/credential-use.ts'
import { fault } from '../../../runtime/core/fault.ts'
import type { ConfigNodeView, Scope } from '../../../runtime/core/node.ts'
import { parseUrlTemplate } from '../../../runtime/core/upstream/url-template.ts'
import { toUpstreamConfig } from './upstream-config.ts'
import { withEnv } from '../with-env.ts'

/** What of a callout's config says which credentials go where. */
export interface CalloutPlace {
  readonly upstream: string
  readonly url: string
  /** Empty: those of the upstream, if it has any; undefined: none of a config node. */
  readonly auth: string | undefined
}

/** Which credentials of config nodes a callout sends, and where to. */
export function credentialUses({ upstream, url, auth }: CalloutPlace, facts: CredentialFacts): readonly CredentialUse[] {
  const named = upstream === '' ? undefined : facts.configNode(upstream)
  const own = auth !== undefined && auth !== ''
  const id = auth === undefined ? '' : own ? auth : named ? toUpstreamConfig(named).auth : ''
  const credentials = id === '' ? undefined : facts.configNode(id)
  if (!credentials) return []
  const urls = named ? toUpstreamConfig(named).targets.map((target) => target.url).filter((target) => target.trim() !== '') : [url]
  const uses: CredentialUse[] = [{
    credentials: id,
    property: own || !named ? 'auth' : 'upstream',
    to: addressesOf(urls, facts),
    // An upstream of the same keeper, with servers that are written out: nobody else has a say in it.
    byKeeper: !own && named !== undefined && named.organisation === credentials.organisation && !isComputed(named, ['targets', 'auth']),
  }]
  // The secret itself goes to the token endpoint.
  const { kind, tokenUrl } = credentials.config
  if (kind === 'oauth' && typeof tokenUrl === 'string' && isComputed(credentials, ['tokenUrl'])) uses.push({ credentials: id, property: 'auth', to: addressesOf([tokenUrl], facts), byKeeper: false })
  return uses
}

/**
 * Lets credentials go to the servers that their config node lists, and to no others. Where none are listed, credentials that are nobody's go on being
 * sent for flows that were deployed before lists were asked for; control takes no other.
 * @throws Fault `config.invalid`
 */
export function admitCredentials(place: CalloutPlace, scope: Scope): void {
  for (const use of credentialUses(place, scope)) {
    const credentials = scope.configNode(use.credentials) as ConfigNodeView
    const other = unlistedServer(use, credentials)
    const name = String(credentials.config['name'] ?? use.credentials)
    if (other !== undefined) throw fault('config.invalid', { message: `The credentials “${name}” may not be sent to ${new URL(other).host}: their config node lists other servers.` })
    if (isLent(use, credentials, scope.node.organisation)) scope.log.warn({ credentials: use.credentials }, `the credentials “${name}” belong to nobody and do not say where they may be sent; a change of this flow is refused until they do`)
  }
}

/** Origins; `undefined` when a variable is not known here, or what it makes is no address. */
function addressesOf(urls: readonly string[], { env }: CredentialFacts): readonly string[] | undefined {
  try {
    return urls.map((url) => parseUrlTemplate(withEnv(url, env)).origin)
  } catch {
    return undefined
  }
}

/** Whether properties of a config node come from the environment, which may be that of the flow that uses it. */
function isComputed({ config, drawn = config }: ConfigNodeView, names: readonly string[]): boolean {
  return /\$[{(]/.test(JSON.stringify(names.map((name) => drawn[name] ?? null)))
}
