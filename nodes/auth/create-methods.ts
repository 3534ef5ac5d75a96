import { hash } from 'node:crypto'
import { fault } from '../../runtime/core/fault.ts'
import type { Scope } from '../../runtime/core/node.ts'
import type { AuthConfig } from './auth-config.ts'
import { createBasicMemory, createBasicMethod } from './basic-method.ts'
import { createCertificateMethod } from './certificate-method.ts'
import { toList } from './check-auth.ts'
import { createKeyFetch } from './fetch-keys.ts'
import { createIntrospectionMemory, createIntrospectionMethod } from './introspection-method.ts'
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

  /** Nodes that take the same tokens are one method: what one has verified the others need not, nor the one that a deploy puts in its place. */
  function sharedJwtMethod(): Method {
    const settings = config.issuers.map((given) => ({
      issuer: text(given.issuer), audiences: toList(text(given.audience)), algorithms: toList(text(given.algorithms)).filter(isAlgorithm), url: text(given.jwksUrl), pasted: text(given.jwks),
    }))
    const issuers = settings.map(({ issuer, audiences, algorithms, url, pasted }): Issuer => {
      if (algorithms.length === 0 || audiences.length === 0) throw fault('config.invalid', { message: `The issuer “${issuer}” has no audience or no algorithm.` })
      return { issuer, audiences, algorithms, keys: keysOf(issuer, url, pasted) }
    })
    const alike = `jwt ${JSON.stringify([settings, unknownSubjects])}`
    return scope.share(alike, () => createJwtMethod(issuers, { clients, clock, unknownSubjects, alike }), () => {})
  }

  function introspectionMethod(): Method {
    const options = {
      url: text(config.introspection?.url),
      issuer: text(config.introspection?.issuer),
      audiences: toList(text(config.introspection?.audience)),
      cacheMs: (config.introspection?.cacheSeconds ?? defaultCacheSeconds) * 1000,
      clientId: textOf(scope.credentials['introspectionClientId']),
      clientSecret: textOf(scope.credentials['introspectionClientSecret']),
    }
    // By a hash: there is a secret among them.
    const mark = `introspection ${hash('sha256', JSON.stringify(options))}`
    const memory = scope.share(mark, createIntrospectionMemory, () => {})
    return createIntrospectionMethod(scope, { ...options, unknownSubjects, clients, alike: `${mark} ${unknownSubjects}` }, memory)
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
        return sharedJwtMethod()
      case 'introspection':
        return introspectionMethod()
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
