import { createHash } from 'node:crypto'
import { fault } from '../../../runtime/core/fault.ts'
import type { Scope } from '../../../runtime/core/node.ts'
import type { Run } from '../../../runtime/core/run.ts'
import type { UpstreamSecret } from '../../../runtime/core/upstream/upstream.ts'
import { type CalloutAuthConfig, calloutAuthSchema } from './callout-auth-config.ts'
import { createOauthTokens } from './oauth-tokens.ts'
import { openTls } from './open-tls.ts'
import { withDefaults } from '../with-defaults.ts'
import { withEnv } from '../with-env.ts'

/** What a callout shows to prove who calls. */
export interface CalloutAuth {
  secret(run: Run): UpstreamSecret | Promise<UpstreamSecret>
  /** The service answered 401 to it. True: another one may do better. */
  refused(secret: UpstreamSecret): boolean
}

/** @throws Fault `config.invalid` when a secret or a variable is missing */
export function openAuth(id: string, scope: Scope): CalloutAuth {
  const node = scope.configNode(id)
  if (node?.type !== 'callout auth') throw fault('config.invalid', { message: 'The credentials that the callout refers to do not exist.' })
  // Where callouts are answered by a case there is nobody to prove anything to, and no secrets.
  if (!scope.upstream.open) return fixed({ in: 'header', name: 'Authorization', value: 'played' })
  const config = withDefaults<CalloutAuthConfig>(calloutAuthSchema, node.config)
  const env = (name: string) => scope.env(name)
  const credential = (name: string, what: string): string => {
    const value = node.credentials[name]
    const text = typeof value === 'string' ? withEnv(value, env) : ''
    if (text === '') throw fault('config.invalid', { message: `The credentials “${config.name || id}” have no ${what}.` })
    if (/[\0\r\n]/.test(text)) throw fault('config.invalid', { message: `The ${what} of the credentials “${config.name || id}” holds a line break.` })
    return text
  }
  switch (config.kind) {
    case 'basic': {
      const user = credential('user', 'user')
      if (user.includes(':')) throw fault('config.invalid', { message: 'A user name of Basic credentials cannot hold a colon (RFC 7617).' })
      return fixed({ in: 'header', name: 'Authorization', value: `Basic ${Buffer.from(`${user}:${credential('password', 'password')}`).toString('base64')}` })
    }
    case 'bearer':
      return fixed({ in: 'header', name: 'Authorization', value: `Bearer ${credential('token', 'token')}` })
    case 'key':
      return fixed({ in: config.keyIn, name: config.keyName, value: credential('apiKey', 'API key') })
    case 'oauth': {
      const source = {
        url: withEnv(config.tokenUrl.trim(), env), clientId: withEnv(config.clientId, env), clientSecret: credential('clientSecret', 'client secret'),
        clientAuth: config.clientAuth, scope: withEnv(config.scope, env), audience: withEnv(config.audience, env), tls: openTls(config.tls, scope),
      }
      if (!URL.canParse(source.url)) throw fault('config.invalid', { message: 'The address of the token endpoint is no URL.' })
      // Other secrets, other tokens: a deploy that changes them begins anew.
      const key = createHash('sha256').update(JSON.stringify(source)).digest('base64url')
      const tokens = scope.share(`*callout-auth:${id}:${key}`, () => createOauthTokens(source, scope), () => {})
      const toSecret = (token: string): UpstreamSecret => ({ in: 'header', name: 'Authorization', value: `Bearer ${token}` })
      return {
        secret(run) {
          const token = tokens.get(run)
          return typeof token === 'string' ? toSecret(token) : token.then(toSecret)
        },
        refused(secret) {
          tokens.refuse(secret.value.slice('Bearer '.length))
          return true
        },
      }
    }
  }
}

function fixed(secret: UpstreamSecret): CalloutAuth {
  return { secret: () => secret, refused: () => false }
}
