import { fault } from '../../runtime/core/fault.ts'
import type { Scope } from '../../runtime/core/node.ts'
import type { AuthConfig } from './auth-config.ts'
import { createBasicMemory, createBasicMethod } from './basic-method.ts'
import { createCertificateMethod } from './certificate-method.ts'
import { toList } from './check-auth.ts'
import { createKeyFetch } from './fetch-keys.ts'
import { createIntrospectionMethod } from './introspection-method.ts'
import { createJwtMethod, type Issuer } from './jwt-method.ts'
import { createKeyMethod } from './key-method.ts'
import { fetchedKeys, fixedKeys, type KeySource } from './key-source.ts'
import { createMessageSignatureMethod } from './message-signature-method.ts'
import { isAlgorithm } from '../../runtime/core/access/public-keys.ts'
import { createSignCodeMethod } from './sign-code-method.ts'
import { createSigningKeys } from './signing-keys.ts'
import { createSigningSecrets } from './signing-secret.ts'
import { createSlowDown } from './slow-down.ts'
import type { Method } from './verdict.ts'

const defaultCacheSeconds = 30

/** The methods of a node, in the order drawn. @throws Fault `config.invalid` for a variable that is not set or holds what cannot be used */
export function createMethods(config: AuthConfig, scope: Scope): readonly Method[] {
  const { clients, clock, state } = scope
  const slowDown = scope.share('slow down', () => createSlowDown(clock), () => {})
  const unknownSubjects = config.unknownSubjects === 'accept'
  const headers = config.signedHeaders.map((name) => name.trim().toLowerCase())
  const text = (value: string | undefined) => (value ?? '').trim().replace(/\$\{([^}]+)\}/g, (_all, name: string) => {
    const found = scope.env(name)
    if (found === undefined) throw fault('config.invalid', { message: `The variable ${name} that the auth node refers to is not set.` })
    return String(found)
  })

  function toIssuer(given: AuthConfig['issuers'][number]): Issuer {
    const issuer = text(given.issuer)
    const algorithms = toList(text(given.algorithms)).filter(isAlgorithm)
    const audiences = toList(text(given.audience))
    if (algorithms.length === 0 || audiences.length === 0) throw fault('config.invalid', { message: `The issuer “${issuer}” has no audience or no algorithm.` })
    return { issuer, audiences, algorithms, keys: keysOf(issuer, text(given.jwksUrl), text(given.jwks)) }
  }

  function keysOf(issuer: string, url: string, pasted: string): KeySource {
    if (pasted !== '') {
      try {
        return fixedKeys(JSON.parse(pasted))
      } catch (error) {
        throw fault('config.invalid', { message: `The JWK set of the issuer “${issuer}” cannot be used.` }, error)
      }
    }
    // Kept over deploys: a release is no reason to ask every issuer anew.
    return scope.share(`keys ${JSON.stringify([issuer, url])}`, () => fetchedKeys({ name: url === '' ? issuer : url, clock, log: scope.log, fetch: createKeyFetch(scope, issuer, url) }), () => {})
  }

  function toMethod({ kind, name }: AuthConfig['methods'][number]): Method {
    switch (kind) {
      case 'key header':
        return createKeyMethod({ header: name.trim() }, clients, slowDown)
      case 'key query':
        return createKeyMethod({ query: name.trim() }, clients, slowDown)
      case 'basic':
        return createBasicMethod(clients, scope.share('basic', createBasicMemory, () => {}))
      case 'jwt':
        return createJwtMethod(config.issuers.map(toIssuer), { clients, clock, unknownSubjects })
      case 'introspection':
        return createIntrospectionMethod(scope, {
          url: text(config.introspection?.url),
          issuer: text(config.introspection?.issuer),
          audiences: toList(text(config.introspection?.audience)),
          cacheMs: (config.introspection?.cacheSeconds ?? defaultCacheSeconds) * 1000,
          clientId: textOf(scope.credentials['introspectionClientId']),
          clientSecret: textOf(scope.credentials['introspectionClientSecret']),
          unknownSubjects,
          clients,
        })
      case 'signature':
        return createMessageSignatureMethod({ headers, state, secrets: createSigningSecrets(clients), keys: createSigningKeys(clients) })
      case 'sign code':
        return createSignCodeMethod({ headers, state, secrets: createSigningSecrets(clients) })
      case 'certificate':
        return createCertificateMethod(clients)
    }
  }

  return config.methods.map(toMethod)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
