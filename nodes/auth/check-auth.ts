import { isHeaderName } from '../../runtime/core/header-name.ts'
import type { NodeProblem } from '../../runtime/core/node.ts'
import type { AuthConfig } from './auth-config.ts'
import { fixedKeys } from './key-source.ts'
import { isAlgorithm } from './public-keys.ts'

/** A list as people write it: commas or blanks between. */
export function toList(text: string | undefined): string[] {
  return (text ?? '').split(/[\s,]+/).filter((part) => part !== '')
}

/** Values from the environment (`${NAME}`) are not known before the deploy. */
const variable = /\$\{[^}]+\}/

/** What the schema cannot say of an auth node. */
export function checkAuth(config: AuthConfig): NodeProblem[] {
  const problems: NodeProblem[] = []
  const report = (code: string, property: string, message: string, remedy: string) => void problems.push({ code, property, message, remedy })
  const has = (kind: string) => config.methods.some((method) => method.kind === kind)

  for (const { kind, name } of config.methods) {
    if (kind === 'key header' && !isHeaderName(name.trim())) report('auth.name', 'methods', `“${name}” is not a header name.`, 'Enter the header that carries the key, such as x-api-key.')
    if (kind === 'key query' && name.trim() === '') report('auth.name', 'methods', 'The query parameter of an API key has no name.', 'Enter the parameter that carries the key, such as apikey.')
  }
  for (const name of config.signedHeaders) if (!isHeaderName(name.trim())) report('header.name', 'signedHeaders', `“${name}” is not a header name.`, 'Use letters, digits and hyphens.')
  if (has('jwt') && config.issuers.length === 0) report('auth.no_issuer', 'issuers', 'Tokens are to be taken, but of no issuer.', 'Add the issuer whose tokens are taken.')
  if (has('introspection') && !isUrl(config.introspection?.url ?? '')) report('auth.introspection', 'introspection', 'Opaque tokens are to be taken, but there is no endpoint to ask.', 'Enter the URL of the introspection endpoint.')

  const issuers = new Set<string>()
  for (const { issuer, audience, algorithms, jwksUrl, jwks } of config.issuers) {
    const name = issuer === '' ? 'An issuer without a name' : `The issuer “${issuer}”`
    if (issuer === '') report('auth.issuer', 'issuers', 'An issuer has no name.', 'Enter the value of its tokens’ iss claim.')
    if (issuers.has(issuer)) report('auth.issuer', 'issuers', `${name} is there twice.`, 'Keep one row of each issuer.')
    issuers.add(issuer)
    if (toList(audience).length === 0) report('auth.audience', 'issuers', `${name} has no audience, so tokens made for others would be let in.`, 'Enter the name under which the issuer makes tokens for this API.')
    const named = toList(algorithms)
    const wrong = variable.test(algorithms) ? [] : named.filter((algorithm) => !isAlgorithm(algorithm))
    if (named.length === 0) report('auth.algorithms', 'issuers', `${name} has no list of algorithms.`, 'Enter the algorithms it signs with, such as RS256.')
    for (const algorithm of wrong) report('auth.algorithms', 'issuers', `“${algorithm}” is not an algorithm that tokens may be signed with here.`, 'Use RS256, PS256, ES256 or EdDSA, or their longer kin; a token without signature or with a shared secret is never taken.')
    if (jwksUrl !== '' && jwks !== '') report('auth.keys', 'issuers', `${name} has a JWK set and the URL of one.`, 'Keep one of the two.')
    if (jwksUrl !== '' && !isUrl(jwksUrl)) report('auth.keys', 'issuers', `“${jwksUrl}” is not an http or https URL.`, 'Enter the address of the JWK set.')
    if (jwksUrl === '' && jwks === '' && issuer !== '' && !isUrl(issuer)) report('auth.keys', 'issuers', `${name} is no URL, so its keys cannot be looked up.`, 'Paste its JWK set, or enter the address of the set.')
    const unusable = jwks === '' || variable.test(jwks) ? undefined : whyUnusable(jwks)
    if (unusable !== undefined) report('auth.keys', 'issuers', `The JWK set of ${issuer} cannot be used: ${unusable}`, 'Paste the JWK set with the public keys of the issuer.')
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
