import { isHeaderName } from '../../runtime/core/http/header-name.ts'
import type { NodeProblem } from '../../runtime/core/node.ts'
import type { AuthConfig } from './auth-config.ts'
import { fixedKeys } from './key-source.ts'
import { isAlgorithm } from '../../runtime/core/access/public-keys.ts'

/** A list as people write it: commas or blanks between. */
export function toList(text: string | undefined): string[] {
  return (text ?? '').split(/[\s,]+/).filter((part) => part !== '')
}

/** Values from the environment (`${NAME}`) are not known before the deploy. */
const variable = /\$\{[^}]+\}/

/** What the schema cannot say of an auth node. */
export function checkAuth(config: AuthConfig): NodeProblem[] {
  const problems: NodeProblem[] = []
  const has = (kind: string) => config.methods.some((method) => method.kind === kind)

  for (const { kind, name } of config.methods) {
    if (kind === 'key header' && !isHeaderName(name.trim())) problems.push({ code: 'auth.name', property: 'methods', message: `“${name}” is not a header name.`, remedy: 'Enter the header that carries the key, such as x-api-key.' })
    if (kind === 'key query' && name.trim() === '') problems.push({ code: 'auth.name', property: 'methods', message: 'The query parameter of an API key has no name.', remedy: 'Enter the parameter that carries the key, such as apikey.' })
  }
  for (const name of config.signedHeaders) if (!isHeaderName(name.trim())) problems.push({ code: 'header.name', property: 'signedHeaders', message: `“${name}” is not a header name.`, remedy: 'Use letters, digits and hyphens.' })
  if (has('jwt') && config.issuers.length === 0) problems.push({ code: 'auth.no_issuer', property: 'issuers', message: 'Tokens are to be taken, but of no issuer.', remedy: 'Add the issuer whose tokens are taken.' })
  if (has('introspection') && !isUrl(config.introspection?.url ?? '')) problems.push({ code: 'auth.introspection', property: 'introspection', message: 'Opaque tokens are to be taken, but there is no endpoint to ask.', remedy: 'Enter the URL of the introspection endpoint.' })

  const issuers = new Set<string>()
  for (const { issuer, audience, algorithms, jwksUrl, jwks } of config.issuers) {
    const name = issuer === '' ? 'An issuer without a name' : `The issuer “${issuer}”`
    if (issuer === '') problems.push({ code: 'auth.issuer', property: 'issuers', message: 'An issuer has no name.', remedy: 'Enter the value of its tokens’ iss claim.' })
    if (issuers.has(issuer)) problems.push({ code: 'auth.issuer', property: 'issuers', message: `${name} is there twice.`, remedy: 'Keep one row of each issuer.' })
    issuers.add(issuer)
    if (toList(audience).length === 0) problems.push({ code: 'auth.audience', property: 'issuers', message: `${name} has no audience, so tokens made for others would be let in.`, remedy: 'Enter the name under which the issuer makes tokens for this API.' })
    const named = toList(algorithms)
    const wrong = variable.test(algorithms) ? [] : named.filter((algorithm) => !isAlgorithm(algorithm))
    if (named.length === 0) problems.push({ code: 'auth.algorithms', property: 'issuers', message: `${name} has no list of algorithms.`, remedy: 'Enter the algorithms it signs with, such as RS256.' })
    for (const algorithm of wrong) problems.push({ code: 'auth.algorithms', property: 'issuers', message: `“${algorithm}” is not an algorithm that tokens may be signed with here.`, remedy: 'Use RS256, PS256, ES256 or EdDSA, or their longer kin; a token without signature or with a shared secret is never taken.' })
    if (jwksUrl !== '' && jwks !== '') problems.push({ code: 'auth.keys', property: 'issuers', message: `${name} has a JWK set and the URL of one.`, remedy: 'Keep one of the two.' })
    if (jwksUrl !== '' && !isUrl(jwksUrl)) problems.push({ code: 'auth.keys', property: 'issuers', message: `“${jwksUrl}” is not an http or https URL.`, remedy: 'Enter the address of the JWK set.' })
    if (jwksUrl === '' && jwks === '' && issuer !== '' && !isUrl(issuer)) problems.push({ code: 'auth.keys', property: 'issuers', message: `${name} is no URL, so its keys cannot be looked up.`, remedy: 'Paste its JWK set, or enter the address of the set.' })
    const unusable = jwks === '' || variable.test(jwks) ? undefined : whyUnusable(jwks)
    if (unusable !== undefined) problems.push({ code: 'auth.keys', property: 'issuers', message: `The JWK set of ${issuer} cannot be used: ${unusable}`, remedy: 'Paste the JWK set with the public keys of the issuer.' })
  }
  return problems
}

function whyUnusable(jwks: string): string | undefined {
  try {
    fixedKeys(JSON.parse(jwks))
    return undefined
  } catch (error) {
    // A syntax error quotes the text, which may be a key that was pasted by mistake.
    return error instanceof TypeError ? error.message : 'it is not valid JSON.'
  }
}

function isUrl(text: string): boolean {
  if (/^\$\{[^}]+\}/.test(text)) return true
  return /^https?:\/\//.test(text) && URL.canParse(text.replace(/\$\{[^}]+\}/g, '1'))
}
