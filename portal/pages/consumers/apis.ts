import type { Lifecycle, ManagedApi, ManagedApiInput, Role } from '../../../control/contract.ts'
import { fill } from '../../../runtime/core/saying.ts'
import { defined, fromMoment, toMoment, toText } from '../../forms/form-values.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import type { TextKey } from '../../texts.ts'
import { toTime } from '../../time.ts'
import { redirect } from '../../web/reply.ts'
import type { PageRoute } from '../../web/router.ts'
import { fromScopes, toScopes } from './api-scopes.ts'
import { actButton, confirmBox, recordPages, type RecordPages } from './record-pages.ts'
import { roleChoices, roleName } from './roles.ts'
import { choicesOf, openView, sendPage, toFacts, type T, type View } from './view.ts'

const lifecycles: readonly Lifecycle[] = ['CREATED', 'PROTOTYPED', 'PUBLISHED', 'BLOCKED', 'DEPRECATED', 'RETIRED']
const kinds: Readonly<Record<Lifecycle, string>> = { CREATED: '', PROTOTYPED: 'warn', PUBLISHED: 'good', BLOCKED: 'bad', DEPRECATED: 'warn', RETIRED: '' }
const visible: Readonly<Record<ManagedApi['visibility'], TextKey>> = { public: 'visiblePublic', organisation: 'visibleOrganisation', roles: 'visibleRoles' }

/** APIs: a flow under a name, its lifecycle, and where its flow is drawn. */
export function apiPageRoutes({ control, editorPath }: PortalOptions): PageRoute[] {
  const { consumers } = control

  /** Tabs by id, as they are deployed; those that the asker may see. */
  async function loadTabs({ by }: Pick<View, 'by'>): Promise<ReadonlyMap<string, string>> {
    const { mayRead } = await control.flows.rights(by)
    if (!mayRead()) return new Map()
    const { nodes } = await control.flows.current(by)
    return new Map(nodes.filter((node) => node.type === 'tab').map((node) => [node.id, String(node['label'] || node.id)]))
  }

  const pages: RecordPages<ManagedApi, ManagedApiInput> = {
    path: '/apis', tab: 'apis', intro: 'apisIntro', one: 'api', add: 'addApi', edit: 'editApi',
    records: (of) => of.apis,
    mayWrite: (view, record) => (record ? view.may('apis.write', record.organisation) : view.mayAnywhere('apis.write')),
    actions: ({ t }) => html`<a class="button" href="/register-api">${t('registerApi')}</a>`,
    retires: false, // its lifecycle ends with RETIRED
    filters: { organisation: true, states: lifecycles.map((value) => ({ value, text: value })) },
    columns: [
      { head: 'lifecycle', cell: (api, { t }) => tagOf(api, t) },
      { head: 'apiVersion', cell: ({ apiVersion }) => apiVersion },
      { head: 'organisation', cell: ({ organisation }) => organisation },
      { head: 'owner', cell: ({ owner }) => owner },
      { head: 'tags', cell: ({ tags }) => tags.join(', ') },
    ],
    toFields(api) {
      const fields = new URLSearchParams({
        name: api.name, organisation: api.organisation, owner: api.owner, flow: api.flow, apiVersion: api.apiVersion ?? '', family: api.family ?? '', category: api.category ?? '',
        tags: api.tags.join(', '), visibility: api.visibility, description: api.description ?? '', sunset: fromMoment(api.sunset), scopes: fromScopes(api.scopes),
      })
      for (const role of api.roles ?? []) fields.append('roles', role)
      return fields
    },
    toInput(fields) {
      const roles = fields.getAll('roles') as Role[]
      return {
        name: toText(fields, 'name') ?? '', organisation: toText(fields, 'organisation') ?? '', flow: toText(fields, 'flow') ?? '',
        visibility: (fields.get('visibility') ?? 'organisation') as ManagedApi['visibility'],
        tags: [...new Set((fields.get('tags') ?? '').split(/[,，、]/).map((tag) => tag.trim()).filter((tag) => tag !== ''))],
        ...defined({
          owner: toText(fields, 'owner'), apiVersion: toText(fields, 'apiVersion'), family: toText(fields, 'family'), category: toText(fields, 'category'), description: toText(fields, 'description'),
          sunset: toMoment(fields, 'sunset'), roles: roles.length > 0 ? roles : undefined,
        }),
        ...toScopes(fields),
      }
    },
    initial: () => ({ visibility: 'organisation' }),
    async drawFields(form, fields, { t, by }) {
      const [organisations, tabs] = await Promise.all([choicesOf(consumers.organisations, by), loadTabs({ by })])
      const flow = fields.get('flow') ?? ''
      // A flow that is not deployed (any more) stays what it is until somebody chooses another.
      const choices = [{ value: '', text: t('chooseFlow') }, ...[...tabs].map(([value, text]) => ({ value, text: `${text} (${value})` })), ...(flow !== '' && !tabs.has(flow) ? [{ value: flow, text: `${flow} (${t('flowGone')})` }] : [])]
      return html`${form.input('name', t('name'), { required: true, maxLength: 120 })}
<div class="pair">${form.select('organisation', t('organisation'), organisations)}${form.select('flow', t('flow'), choices, { hint: t('flowHint') })}</div>
<div class="pair">${form.input('apiVersion', t('apiVersion'), { hint: t('apiVersionHint'), maxLength: 32 })}${form.input('family', t('family'), { hint: t('familyHint'), maxLength: 64 })}</div>
<div class="pair">${form.input('owner', t('owner'), { hint: t('ownerHint'), maxLength: 64 })}${form.input('category', t('category'), { maxLength: 64 })}</div>
${form.input('tags', t('tags'), { hint: t('tagsHint') })}
${form.select('visibility', t('visibility'), (['public', 'organisation', 'roles'] as const).map((value) => ({ value, text: t(visible[value]) })))}
${form.checks('roles', t('roles'), roleChoices(t), { hint: t('visibleRolesHint') })}
${form.area('description', t('description'))}
${form.area('scopes', t('oauthScopes'), { hint: t('apiScopesHint') })}
${form.input('sunset', t('sunset'), { type: 'datetime-local', hint: t('sunsetHint') })}`
    },
    async draw(api, view) {
      const { t, exchange } = view
      const label = (await loadTabs(view)).get(api.flow)
      return html`${label !== undefined && html`<p class="row"><a class="button" href="/apis/${encodeURIComponent(api.id)}/reference">${t('openReference')}</a><a class="button" href="/api/v1/apis/${encodeURIComponent(api.id)}/openapi.json">${t('openapiDocument')}</a></p>`}${(api.warnings ?? []).length > 0 && html`<div class="notice warn" role="status"><p><strong>${t('notPublicTitle')}</strong> ${t('notPublicHint')}</p>${api.warnings!.map(({ message, node }) => html`<p>${exchange.language === 'en' && message} ${node !== undefined && html`<a href="${editorPath}#flow/${encodeURIComponent(api.flow)}">${t('openFlow')}</a>`}</p>`)}</div>`}${drawLifecycle(api, view)}
<section class="card">${toFacts([
  [t('flow'), html`${label ?? html`<code>${api.flow}</code> <span class="tag warn">${t('flowGone')}</span>`} ${label !== undefined && html`<a class="button" href="${editorPath}#flow/${encodeURIComponent(api.flow)}">${t('openFlow')}</a>`}`],
  [t('apiVersion'), api.apiVersion], [t('family'), api.family], [t('organisation'), html`<a href="/organisations/${api.organisation}">${api.organisation}</a>`], [t('owner'), api.owner],
  [t('category'), api.category], [t('tags'), api.tags.length > 0 && api.tags.map((tag) => html`<span class="tag">${tag}</span> `)],
  [t('visibility'), html`${t(visible[api.visibility])}${api.visibility === 'roles' && html`: ${(api.roles ?? []).map((role) => roleName(role, t)).join(', ')}`}`],
  [t('deprecatedAt'), api.deprecatedAt && toTime(api.deprecatedAt, exchange.language)], [t('sunset'), api.sunset && toTime(api.sunset, exchange.language)], [t('description'), api.description],
  [t('oauthScopes'), api.scopes && fromScopes(api.scopes).split('\n').map((line) => html`${line}<br>`)],
])}</section>`
    },
  }

  const { routes, act } = recordPages(consumers, pages)

  function drawLifecycle(api: ManagedApi, view: View): Html {
    const { t, may } = view
    // Whoever may make APIs may ask for a move that others have to agree to.
    const mayMove = (to: Lifecycle) => may('apis.publish', api.organisation) || may('apis.write', api.organisation) || (may('apis.block', api.organisation) && (to === 'BLOCKED' || (api.lifecycle === 'BLOCKED' && to === 'PUBLISHED')))
    const moves = api.retiredAt || api.requested ? [] : consumers.apis.movesFrom(api.lifecycle).filter(mayMove)
    const at = `/apis/${api.id}`
    return html`<section class="card"><h2>${t('lifecycle')}</h2><p>${tagOf(api, t)} ${t(`means${api.lifecycle}`)}</p>
${api.requested && html`<div class="notice warn"><p>${fill(t('requestedMove'), { who: api.requested.by })} <strong>${t(`to${api.requested.to}` as TextKey)}</strong>, ${toTime(api.requested.at, view.exchange.language)}</p>
${may('apis.publish', api.organisation) && html`<div class="row">${actButton(`${at}/decide`, api.version, t('agree'), { kind: 'primary', hidden: { agree: 'yes' } })}${actButton(`${at}/decide`, api.version, t('turnDown'), { hidden: { agree: 'no' } })}</div>`}</div>`}
${moves.length > 0 && html`<div class="row">${moves.map((to) => (to === 'RETIRED'
  ? html`<a class="button danger" href="${at}/move?to=${to}">${t('toRETIRED')}</a>`
  : actButton(`${at}/move`, api.version, t(wordOf(api.lifecycle, to)), { hidden: { to }, ...(to === 'BLOCKED' ? { kind: 'danger' } : to === 'PUBLISHED' ? { kind: 'primary' } : {}) })))}</div>`}</section>`
  }

  return [
    ...routes,
    { method: 'GET', path: '/apis/:id/move', access: 'signed-in', handle: async (exchange, { id }) => {
      const view = await openView(exchange, consumers)
      const { t } = view
      const api = await consumers.apis.get(id!, view.by)
      const to = consumers.apis.movesFrom(api.lifecycle).find((one) => one === exchange.url.searchParams.get('to'))
      if (!to) return redirect(exchange.response, `/apis/${api.id}`)
      sendPage(view, 'apis', { title: t(`to${to}` as TextKey), body: confirmBox(t, `${t(`to${to}` as TextKey)}: ${api.name}`, `${t(`means${to}`)} ${t('moveConfirm')}`, `/apis/${api.id}/move`, t(`to${to}` as TextKey), `/apis/${api.id}`, api.version, { to }) })
    } },
    { method: 'POST', path: '/apis/:id/move', access: 'signed-in', handle: (exchange, { id }) => act(exchange, id!, 'done', async (view, form, version) => {
      const api = await consumers.apis.move(id!, form.get('to') as Lifecycle, version, view.by)
      if (api.requested) redirect(exchange.response, `/apis/${api.id}?said=moveRequested`)
    }) },
    { method: 'POST', path: '/apis/:id/decide', access: 'signed-in', handle: (exchange, { id }) => act(exchange, id!, 'done', (view, form, version) => consumers.apis.decide(id!, form.get('agree') === 'yes', version, view.by)) },
  ]
}

/** Stopping and starting have names that everybody knows. */
function wordOf(from: Lifecycle, to: Lifecycle): TextKey {
  if (to === 'BLOCKED') return 'stopApi'
  return from === 'BLOCKED' && to === 'PUBLISHED' ? 'startApi' : (`to${to}` as TextKey)
}

function tagOf({ lifecycle, requested }: ManagedApi, t: T): Html {
  return html`<span class="tag ${kinds[lifecycle]}">${t(lifecycle)}</span>${requested && html` <span class="tag warn">${t('pending')}</span>`}`
}
