import type { IncomingMessage, ServerResponse } from 'node:http'
import { errors, type Provider } from 'oidc-provider'
import { html } from '../portal/html.ts'
import { adminAudience, type Authority } from '../control/oauth-contract.ts'
import type { Log } from '../runtime/core/log.ts'
import { sendPage } from './page.ts'
import { apiPrefix } from './scopes.ts'
import { chooseLanguage, createSay, type Language, type Say } from './texts.ts'
import { departUpstream, takeArrival, type Upstream } from './upstream.ts'

export interface InteractionParts {
  readonly people: Authority['people']
  readonly artifacts: Authority['artifacts']
  readonly upstream?: Upstream | undefined
  readonly api: Authority['api']
  readonly issuer: string
  readonly log: Log
  /** Address of whoever asks; failed sign-ins are counted against it. */
  readonly from: string
}

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>

const formLimitBytes = 16_384
const path = /^\/interaction\/[A-Za-z0-9_-]{1,100}$/

/** Whether a path is that of a page on which people sign in or agree. */
export const isInteraction = (pathname: string) => path.test(pathname)

/** The pages on which people sign in and agree. Which sign-in it is says a cookie that only its browser has. */
export async function answerInteraction(provider: Provider, request: IncomingMessage, response: ServerResponse, parts: InteractionParts): Promise<void> {
  let language = chooseLanguage(undefined, request.headers['accept-language'])
  let interaction: Interaction
  try {
    interaction = await provider.interactionDetails(request, response)
  } catch (thrown) {
    if (!(thrown instanceof errors.SessionNotFound)) throw thrown
    const say = createSay(language)
    return sendPage(response, 400, language, say('failed'), html`<p>${say('expired')}</p>`)
  }
  const locales = interaction.params['ui_locales']
  if (typeof locales === 'string') language = chooseLanguage(locales, request.headers['accept-language'])
  const say = createSay(language)
  const clientId = String(interaction.params['client_id'])
  const client = (await provider.Client.find(clientId))?.clientName ?? clientId

  const { upstream } = parts
  const page: SignInPage = { client, language, say, ...(upstream ? { upstream: upstream.name } : {}) }

  if (request.method === 'GET') {
    if (interaction.prompt.name === 'consent') return await showConsent(response, interaction, client, language, say, parts.api)
    const arrival = upstream && (await takeArrival(interaction.uid, parts.artifacts))
    if (!arrival) return showSignIn(response, page)
    if ('failed' in arrival) return showSignIn(response, page, { name: '', text: say(arrival.failed, { name: upstream.name }), status: 403 })
    parts.log.info({ user: arrival.user, client: clientId, issuer: upstream.issuer }, 'somebody signed in')
    return await provider.interactionFinished(request, response, { login: { accountId: arrival.user, remember: false } }, { mergeWithLastSubmission: false })
  }
  if (request.method !== 'POST') return void response.writeHead(405, { allow: 'GET, POST' }).end()
  // The cookie is sent by other sites' forms in old browsers only; this keeps those out too.
  if (request.headers.origin !== undefined && request.headers.origin !== 'null' && request.headers.origin !== parts.issuer) return void response.writeHead(403).end()
  if (request.headers['sec-fetch-site'] === 'cross-site') return void response.writeHead(403).end()
  const form = await readForm(request)
  if (!form) return void response.writeHead(413, { connection: 'close' }).end()
  if (form.get('act') === 'cancel') {
    return await provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'End-User aborted interaction' }, { mergeWithLastSubmission: false })
  }
  if (interaction.prompt.name === 'consent') {
    const grantId = await grantAll(provider, interaction)
    return await provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true })
  }
  if (upstream && form.get('act') === 'upstream') {
    try {
      return await departUpstream(response, interaction.uid, language, { ...parts, upstream })
    } catch (thrown) {
      if ((thrown as { code?: unknown }).code !== 'unavailable') throw thrown
      parts.log.warn({ issuer: upstream.issuer, reason: reasonOf(thrown) }, 'the other provider cannot be reached')
      return showSignIn(response, page, { name: '', text: say('upstreamAway', { name: upstream.name }), status: 503 })
    }
  }
  const name = form.get('name') ?? ''
  let slow = false
  const user = await parts.people.authenticate(name, form.get('password') ?? '', parts.from).catch((thrown: unknown) => {
    if ((thrown as { code?: unknown }).code !== 'signin.slow') throw thrown
    slow = true
    return undefined
  })
  if (!user) return showSignIn(response, page, { name, text: say(slow ? 'slow' : 'wrong'), status: slow ? 429 : 403 })
  parts.log.info({ user: user.name, client: clientId }, 'somebody signed in')
  await provider.interactionFinished(request, response, { login: { accountId: user.name, remember: false } }, { mergeWithLastSubmission: false })
}

interface SignInPage {
  readonly client: string
  readonly language: Language
  readonly say: Say
  /** Name of the other provider. */
  readonly upstream?: string
}

/** What lies at the bottom of it, such as an address that may not be called. */
function reasonOf(thrown: unknown): string {
  let at = thrown as Error
  while (at.cause instanceof Error) at = at.cause
  return at.message
}

function showSignIn(response: ServerResponse, { client, language, say, upstream }: SignInPage, failed?: { readonly name: string; readonly text: string; readonly status: number }): void {
  sendPage(response, failed?.status ?? 200, language, say('signIn'), html`<p>${say('signInTo', { client })}</p>
${failed && html`<p class="bad" role="alert">${failed.text}</p>`}
<form method="post">
<label>${say('name')}<input type="text" name="name" value="${failed?.name}" autocomplete="username" autocapitalize="none" maxlength="64" required autofocus></label>
<label>${say('password')}<input type="password" name="password" autocomplete="current-password" maxlength="1024" required></label>
<p class="row"><button class="primary" name="act" value="go">${say('signIn')}</button><button name="act" value="cancel" formnovalidate>${say('cancel')}</button></p>
${upstream !== undefined && html`<p class="or">${say('or')}</p><p class="row"><button name="act" value="upstream" formnovalidate>${say('upstream', { name: upstream })}</button></p>`}
</form>`)
}

async function showConsent(response: ServerResponse, interaction: Interaction, client: string, language: Language, say: Say, api: Authority['api']): Promise<void> {
  const { oidcScopes, resources } = askedFor(interaction)
  const wanted = oidcScopes.map((scope) => (scope === 'openid' ? say('scopeOpenid') : scope === 'profile' ? say('scopeProfile') : scope === 'offline_access' ? say('scopeOffline') : scope))
  for (const [resource, scopes] of resources) wanted.push(...(await describeScopes(resource, scopes, say, api)))
  const redirect = interaction.params['redirect_uri']
  const user = interaction.session?.accountId ?? ''
  sendPage(response, 200, language, say('consent', { client }), html`<p>${say('consentText', { client, user })}</p>
${wanted.length > 0 && html`<p>${say('mayDo')}</p><ul>${wanted.map((one) => html`<li>${one}</li>`)}</ul>`}
${typeof redirect === 'string' && html`<p>${say('goesTo', { host: new URL(redirect).host })}</p>`}
<form method="post"><p class="row"><button class="primary" name="act" value="go">${say('allow')}</button><button name="act" value="cancel">${say('cancel')}</button></p></form>`)
}

/** Scopes of an audience in words, as far as somebody gave them any. */
async function describeScopes(resource: string, scopes: readonly string[], say: Say, api: Authority['api']): Promise<string[]> {
  if (resource === adminAudience) return scopes.map((scope) => say('scopeOf', { scope, audience: say('adminApi') }))
  const record = resource.startsWith(apiPrefix) ? await api(resource.slice(apiPrefix.length)) : undefined
  return scopes.map((scope) => {
    const described = record && Object.hasOwn(record.scopes, scope) ? record.scopes[scope]?.description : undefined
    return say('scopeOf', { scope: described === undefined ? scope : `${described} (${scope})`, audience: record?.name ?? resource })
  })
}

function askedFor({ prompt: { details } }: Interaction) {
  return {
    oidcScopes: (details['missingOIDCScope'] ?? []) as string[],
    claims: (details['missingOIDCClaims'] ?? []) as string[],
    resources: Object.entries((details['missingResourceScopes'] ?? {}) as Record<string, string[]>),
  }
}

/** Grants what was shown; the id of the grant. */
async function grantAll(provider: Provider, interaction: Interaction): Promise<string> {
  const before = interaction.grantId === undefined ? undefined : await provider.Grant.find(interaction.grantId)
  const grant = before ?? new provider.Grant({ accountId: interaction.session?.accountId ?? '', clientId: String(interaction.params['client_id']) })
  const { oidcScopes, claims, resources } = askedFor(interaction)
  if (oidcScopes.length > 0) grant.addOIDCScope(oidcScopes.join(' '))
  if (claims.length > 0) grant.addOIDCClaims(claims)
  for (const [resource, scopes] of resources) grant.addResourceScope(resource, scopes.join(' '))
  return await grant.save()
}

/** `undefined` when there is too much of it. */
async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > formLimitBytes) return undefined
  }
  return new URLSearchParams(text)
}
