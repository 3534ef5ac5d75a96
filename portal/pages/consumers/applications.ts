import type { ClientApplication, ClientApplicationInput } from '../../../control/contract.ts'
import { defined, toLines, toText } from '../../forms/form-values.ts'
import type { Fields } from '../../forms/form-view.ts'
import { html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import type { PageRoute } from '../../web/router.ts'
import { credentialRoutes, drawCredentials } from './credentials.ts'
import { linkToDecisions } from './decisions.ts'
import { addOauth, describeOauth, drawOauth, toOauth } from './oauth-form.ts'
import { drawSubscriptionsOf, subscribeRoutes } from './subscribe.ts'
import { actButton, mayUpon, recordPages, type RecordPages } from './record-pages.ts'
import { addRules, describeRules, drawRules, tidyRules, toRules } from './rules-form.ts'
import { choicesOf, toFacts, type View } from './view.ts'
import { drawGrantsOf } from '../vault/grants.ts'

const pages: RecordPages<ClientApplication, ClientApplicationInput> = {
  path: '/applications', tab: 'applications', intro: 'applicationsIntro', one: 'application', add: 'addApplication', edit: 'editApplication',
  records: (consumers) => consumers.applications,
  mayWrite: (view, record) => (record ? record.managedBy === undefined && mayUpon(view, 'applications.write', record) : view.mayAnywhere('applications.write') || view.mayAnywhere('records.own')),
  retires: true,
  filters: { organisation: true, states: [{ value: 'active', text: 'active' }, { value: 'suspended', text: 'suspended' }] },
  columns: [
    { head: 'organisation', cell: ({ organisation }) => html`<a href="/organisations/${organisation}">${organisation}</a>` },
    { head: 'owner', cell: ({ owner }) => owner },
    { head: 'state', cell: (record, { t }) => toState(record, t) },
  ],
  toFields(record) {
    const fields = new URLSearchParams({ name: record.name, organisation: record.organisation, owner: record.owner, active: String(record.active), description: record.description ?? '', pins: Object.entries(record.pins ?? {}).map(([family, version]) => `${family} = ${version}`).join('\n') })
    addRules(fields, record.rules)
    addOauth(fields, record.oauth)
    return fields
  },
  tidy: tidyRules,
  keep: ({ oauth }) => (oauth ? { oauth } : {}),
  toInput: (fields) => ({
    name: toText(fields, 'name') ?? '',
    organisation: toText(fields, 'organisation') ?? '',
    ...defined({ owner: toText(fields, 'owner'), description: toText(fields, 'description') }),
    active: fields.get('active') !== 'false',
    rules: toRules(fields),
    ...toPins(fields),
    ...toOauth(fields),
  }),
  async drawFields(form, fields, view, record) {
    const { t, by, consumers, exchange } = view
    // What somebody else granted is not the owner's to widen.
    const grants = record ? view.may('applications.write', record.organisation) : view.mayAnywhere('applications.write')
    const organisations = await choicesOf(consumers.organisations, by)
    return html`${form.input('name', t('name'), { required: true, maxLength: 120 })}
${form.select('organisation', t('organisation'), organisations)}
${form.input('owner', t('owner'), { hint: t('ownerHint'), maxLength: 64 })}
${form.area('description', t('description'))}
<input type="hidden" name="active" value="${fields.get('active') ?? 'true'}">
${form.area('pins', t('pins'), { hint: t('pinsHint') })}
${drawRules(form, fields, t, exchange.language)}
${grants && drawOauth(form, t)}`
  },
  async draw(record, view, fresh) {
    const { t, exchange } = view
    const [credentials, subscriptions] = await Promise.all([drawCredentials(record, view, fresh), drawSubscriptionsOf(record, view, fresh)])
    const maySuspend = !record.retiredAt && record.managedBy === undefined && (mayUpon(view, 'applications.write', record) || mayUpon(view, 'applications.suspend', record))
    return html`<section class="card"><div class="head"><h2>${t('application')}</h2>${maySuspend && actButton(`/applications/${record.id}/active`, record.version, t(record.active ? 'suspend' : 'resume'), { hidden: { active: String(!record.active) } })}</div>
${toFacts([[t('state'), toState(record, t)], [t('organisation'), html`<a href="/organisations/${record.organisation}">${record.organisation}</a>`], record.managedBy ? [t('keptBy'), html`<a href="/connectors/${record.managedBy.slice('connector:'.length)}">${record.managedBy.slice('connector:'.length)}</a> <span class="soft">${t('keptByHint')}</span>`] : [t('owner'), record.owner], [t('description'), record.description], [t('pins'), record.pins && html`${Object.entries(record.pins).map(([family, version]) => html`<code>${family}</code> = ${version}<br>`)}`]])}
<h3>${t('rules')}</h3>${describeRules(record.rules, t, exchange.language)}${describeOauth(record.oauth, t)}${linkToDecisions(record, view)}</section>
${credentials}${subscriptions}`
  },
}

/** Lines `family = version`; one that is something else is passed on as it is, so that whoever checks the record names it. */
function toPins(fields: Fields): Pick<ClientApplicationInput, 'pins'> {
  const lines = toLines(fields, 'pins').map((line) => {
    const [family = '', ...version] = line.split('=')
    return [family.trim(), version.join('=').trim()] as const
  })
  return lines.length > 0 ? { pins: Object.fromEntries(lines) } : {}
}

function toState({ active }: ClientApplication, t: View['t']) {
  return html`<span class="tag ${active ? 'good' : 'bad'}">${t(active ? 'active' : 'suspended')}</span>`
}

/** Applications: who calls, what each proves itself with, what it subscribed to. */
export function applicationRoutes({ control }: PortalOptions): PageRoute[] {
  const { consumers, dataProtection } = control
  const { routes, show, act } = recordPages(consumers, {
    ...pages,
    draw: async (record, view, fresh) => html`${await pages.draw(record, view, fresh)}${await drawGrantsOf(record, view, dataProtection)}`,
  })
  return [
    ...routes,
    {
      method: 'POST', path: '/applications/:id/active', access: 'signed-in',
      handle: (exchange, { id }) => act(exchange, id!, 'done', (view, form, version) => consumers.applications.patch(id!, { active: form.get('active') === 'true' }, version, view.by)),
    },
    ...credentialRoutes(consumers, show, act),
    ...subscribeRoutes(consumers, show),
  ]
}

