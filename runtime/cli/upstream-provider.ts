import { readFileSync } from 'node:fs'
import type { RoleRule, Upstream } from '../../auth-server/upstream.ts'
import { systemClock } from '../core/time/clock.ts'
import type { Log } from '../core/log.ts'
import { createRelyingParty } from '../openid/relying-party.ts'
import type { Settings } from '../settings.ts'
import { createEgressFetch } from '../upstream/egress-fetch.ts'

/** The other provider at which people may sign in, as the settings say; reached under the egress policy. */
export function openUpstream(settings: Settings, log: Log): { readonly provider: Upstream; close(): Promise<void> } | undefined {
  const { upstreamOidcIssuer: issuer, upstreamOidcClientId: clientId, upstreamOidcClientSecret: clientSecret } = settings
  if (!issuer || !clientId || !clientSecret) return undefined
  const { fetch, close } = createEgressFetch({ allow: settings.egressAllow, extraCa: settings.extraCaFiles.map((file) => readFileSync(file, 'utf8')), clock: systemClock, log })
  const party = createRelyingParty({ issuer, clientId, clientSecret, scope: settings.upstreamOidcScope, clock: systemClock, fetch, insecure: issuer.startsWith('http:') })
  const provider: Upstream = { ...party, issuer, name: upstreamName(settings), roles: settings.upstreamOidcRoles.map(toRule), create: settings.upstreamOidcCreate }
  return { provider, close }
}

/** What people call it. */
export function upstreamName({ upstreamOidcName, upstreamOidcIssuer = '' }: Pick<Settings, 'upstreamOidcName' | 'upstreamOidcIssuer'>): string {
  return upstreamOidcName ?? (URL.canParse(upstreamOidcIssuer) ? new URL(upstreamOidcIssuer).host : '')
}

/** `claim:value=role`; a claim may be a URL, so the last colon counts. */
export function toRule(text: string): RoleRule {
  const [, claim = '', value = '', role = ''] = /^(.+):([^:=]+)=([a-z]+)$/.exec(text) ?? []
  return { claim, value, role: role as RoleRule['role'] }
}
