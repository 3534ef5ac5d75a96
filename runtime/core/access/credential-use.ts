import type { ConfigNodeView } from '../node.ts'

/** That a node would send the credentials of a config node, and where to. */
export interface CredentialUse {
  /** Id of the config node that holds them. */
  readonly credentials: string
  /** Of the node that sends them. */
  readonly property: string
  /** URLs of the servers, of which the origin counts; `undefined`: only a gateway knows, as its environment says. */
  readonly to: readonly string[] | undefined
  /** Whoever keeps the credentials says where they go, too. */
  readonly byKeeper: boolean
}

/** What may be known of the rest of an estate when it is asked where credentials go. */
export interface CredentialFacts {
  configNode(id: string): ConfigNodeView | undefined
  env(name: string): unknown
}

const hostPattern = /^(\*\.)?([a-z\d_](?:[a-z\d_.-]*[a-z\d_])?|\[[\da-f:.]+\])(?::(\d{1,5}))?$/i

/** Whether a text names servers: `api.example.org`, `api.example.org:8443`, `*.example.org`. */
export function isHostPattern(text: string): boolean {
  const [, wild, host = ''] = hostPattern.exec(text.trim()) ?? []
  return host !== '' && !(wild !== undefined && host.startsWith('['))
}

/** Whether a server is among those that are listed. A host without a port is that host at any. */
export function isListedHost(list: readonly string[], url: string): boolean {
  if (!URL.canParse(url)) return false
  const { hostname, port, protocol } = new URL(url)
  const ownPort = port === '' ? (protocol === 'https:' ? '443' : '80') : port
  return list.some((text) => {
    const [, wild, host = '', listedPort] = hostPattern.exec(text.trim().toLowerCase()) ?? []
    if (host === '' || (listedPort !== undefined && listedPort !== ownPort)) return false
    return wild === undefined ? host === hostname : hostname.endsWith(`.${host}`)
  })
}

/** The servers to which credentials may be sent, as their config node lists them. */
export function listedHosts({ config }: Pick<ConfigNodeView, 'config'>): readonly string[] {
  const { hosts } = config
  return Array.isArray(hosts) ? hosts.filter((one): one is string => typeof one === 'string' && one.trim() !== '') : []
}

/** The first server of a use that is none of those that its credentials list. Where none are listed there is none to tell. */
export function unlistedServer({ to }: CredentialUse, credentials: Pick<ConfigNodeView, 'config'>): string | undefined {
  const list = listedHosts(credentials)
  return list.length === 0 ? undefined : to?.find((url) => !isListedHost(list, url))
}

/** Whether credentials that are nobody's are sent somewhere that an organisation says, while nobody has listed where they may go. */
export function isLent({ byKeeper }: CredentialUse, credentials: ConfigNodeView, organisation: string | undefined): boolean {
  return organisation !== undefined && credentials.organisation === undefined && !byKeeper && listedHosts(credentials).length === 0
}
