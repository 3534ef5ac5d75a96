import type { ClientApplication, ClientApplicationInput } from '../../../control/contract.ts'
import { toLines } from '../../forms/form-values.ts'
import type { Fields, FormView } from '../../forms/form-view.ts'
import { html, type Html } from '../../html.ts'
import type { TextKey } from '../../texts.ts'
import { toFacts, type T } from './view.ts'

type Oauth = NonNullable<ClientApplication['oauth']>
type Grant = Oauth['grants'][number]

const grants: readonly { readonly value: Grant; readonly text: TextKey }[] = [
  { value: 'client_credentials', text: 'grantClientCredentials' },
  { value: 'authorization_code', text: 'grantAuthorizationCode' },
  { value: 'refresh_token', text: 'grantRefreshToken' },
  { value: 'device_code', text: 'grantDeviceCode' },
]

/** How an application gets tokens, as fields of a form. */
export function addOauth(fields: Fields, oauth: Oauth | undefined): void {
  for (const grant of oauth?.grants ?? []) fields.append('oauth.grants', grant)
  for (const name of ['redirectUris', 'scopes', 'resources'] as const) fields.set(`oauth.${name}`, (oauth?.[name] ?? []).join('\n'))
  for (const name of ['public', 'legacyPassword'] as const) if (oauth?.[name]) fields.set(`oauth.${name}`, 'yes')
}

/** What the form says of it; nothing where the form did not show it, so that it stays as it is. */
export function toOauth(fields: Fields): Pick<ClientApplicationInput, 'oauth'> {
  if (fields.get('oauth') !== 'shown') return {}
  const chosen = fields.getAll('oauth.grants')
  const [redirectUris, scopes, resources] = ['redirectUris', 'scopes', 'resources'].map((name) => toLines(fields, `oauth.${name}`)) as [string[], string[], string[]]
  const [isPublic, legacyPassword] = [fields.get('oauth.public') === 'yes', fields.get('oauth.legacyPassword') === 'yes']
  const empty = chosen.length + redirectUris.length + scopes.length + resources.length === 0 && !isPublic && !legacyPassword
  // Named, so that it takes the place of what was there.
  if (empty) return { oauth: undefined } as unknown as Pick<ClientApplicationInput, 'oauth'>
  return {
    oauth: {
      grants: grants.map(({ value }) => value).filter((grant) => chosen.includes(grant)),
      ...(redirectUris.length > 0 ? { redirectUris } : {}),
      ...(scopes.length > 0 ? { scopes } : {}),
      ...(resources.length > 0 ? { resources } : {}),
      ...(isPublic ? { public: true } : {}),
      ...(legacyPassword ? { legacyPassword: true } : {}),
    },
  }
}

/** Fields of an application as a client of the authorization server. */
export function drawOauth(form: FormView, t: T): Html {
  return form.group('oauth', t('oauth'), html`<input type="hidden" name="oauth" value="shown">
${form.checks('oauth.grants', t('oauthGrants'), grants.map(({ value, text }) => ({ value, text: t(text) })))}
${form.area('oauth.redirectUris', t('redirectUris'), { hint: t('redirectUrisHint') })}
${form.area('oauth.scopes', t('oauthScopes'), { hint: t('oauthScopesHint') })}
${form.area('oauth.resources', t('oauthResources'), { hint: t('oauthResourcesHint') })}
${form.check('oauth.public', t('oauthPublic'))}
${form.check('oauth.legacyPassword', t('oauthLegacyPassword'), { hint: t('oauthLegacyPasswordHint') })}`, t('oauthHint'))
}

/** The same to be read. */
export function describeOauth(oauth: Oauth | undefined, t: T): Html | undefined {
  if (!oauth) return undefined
  const list = (items: readonly string[] | undefined) => items && items.length > 0 && html`${items.map((one) => html`<code>${one}</code><br>`)}`
  const names = grants.filter(({ value }) => oauth.grants.includes(value)).map(({ text }) => t(text))
  const switches = [oauth.public && t('oauthPublic'), oauth.legacyPassword && t('oauthLegacyPassword')].filter((one) => typeof one === 'string')
  return html`<h3>${t('oauth')}</h3>${toFacts([
    [t('oauthGrants'), names.join(', ')], [t('redirectUris'), list(oauth.redirectUris)], [t('oauthScopes'), oauth.scopes?.join(' ')], [t('oauthResources'), list(oauth.resources)], [t('kind'), switches.join(', ') || undefined],
  ])}`
}
