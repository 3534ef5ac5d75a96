import type { Member, Organisation, OrganisationInput, OrganisationRole } from '../../../control/contract.ts'
import { createFormView } from '../../forms/form-view.ts'
import { defined, toText } from '../../forms/form-values.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import { readForm } from '../../web/body.ts'
import { redirect, toRefused } from '../../web/reply.ts'
import type { PageRoute } from '../../web/router.ts'
import { actButton, recordPages, type Fresh, type RecordPages } from './record-pages.ts'
import { sayRefusal, toFormProblems } from '../../refusals.ts'
import { organisationRoles, roleChoices, roleName } from './roles.ts'
import { openView, toFacts, type View } from './view.ts'

const pages: RecordPages<Organisation, OrganisationInput> = {
  path: '/organisations', tab: 'organisations', intro: 'organisationsIntro', one: 'organisation', add: 'addOrganisation', edit: 'editOrganisation',
  records: (consumers) => consumers.organisations,
  mayWrite: (view, record) => view.may('organisations.write', record?.id),
  retires: true,
  filters: { organisation: false },
  columns: [
    { head: 'state', cell: ({ active }, { t }) => html`<span class="tag ${active ? 'good' : 'bad'}">${t(active ? 'active' : 'suspended')}</span>` },
    { head: 'fourEyes', cell: ({ fourEyes }, { t }) => t(fourEyes ? 'yes' : 'no') },
    { head: 'contact', cell: ({ contact }) => contact },
  ],
  toFields: ({ name, active, fourEyes, contact, description }) => new URLSearchParams({ name, active: String(active), ...(fourEyes ? { fourEyes: 'yes' } : {}), contact: contact ?? '', description: description ?? '' }),
  toInput: (fields) => ({
    name: toText(fields, 'name') ?? '', active: fields.get('active') !== 'false', fourEyes: fields.get('fourEyes') === 'yes',
    ...defined({ contact: toText(fields, 'contact'), description: toText(fields, 'description') }),
  }),
  drawFields: async (form, fields, { t }) => html`${form.input('name', t('name'), { required: true, maxLength: 120 })}${form.input('contact', t('contact'), { maxLength: 200 })}${form.area('description', t('description'))}
<input type="hidden" name="active" value="${fields.get('active') ?? 'true'}">${form.check('fourEyes', t('fourEyes'))}`,
  async draw(record, view, fresh) {
    const { t } = view
    const mayWrite = !record.retiredAt && view.may('organisations.write', record.id)
    return html`<section class="card"><div class="head"><h2>${t('organisation')}</h2>${mayWrite && actButton(`/organisations/${record.id}/active`, record.version, t(record.active ? 'suspend' : 'resume'), { hidden: { active: String(!record.active) } })}</div>
${toFacts([
  [t('state'), html`<span class="tag ${record.active ? 'good' : 'bad'}">${t(record.active ? 'active' : 'suspended')}</span>`],
  [t('fourEyes'), t(record.fourEyes ? 'yes' : 'no')], [t('contact'), record.contact], [t('description'), record.description],
])}<p class="row"><a class="button" href="/applications?organisation=${record.id}">${t('applications')}</a><a class="button" href="/apis?organisation=${record.id}">${t('apis')}</a></p></section>
${view.may('members.read', record.id) && (await drawMembers(record, view, fresh))}`
  },
}

async function drawMembers(organisation: Organisation, view: View, fresh?: Fresh): Promise<Html> {
  const { t, by, consumers } = view
  const { items } = await consumers.members.list({ organisation: organisation.id, limit: 200 }, by)
  const mayWrite = !organisation.retiredAt && view.may('members.write', organisation.id)
  const at = ({ id }: Member) => `/organisations/${organisation.id}/members/${encodeURIComponent(id)}`
  const refused = fresh?.form
  const form = createFormView(refused?.fields ?? new URLSearchParams(), refused?.problems ?? [], t('optional'), 'member')
  return html`<section class="card" aria-labelledby="members"><h2 id="members">${t('members')}</h2>
${items.length === 0
  ? html`<p>${t('noMembers')}</p>`
  : html`<div class="scroll"><table aria-label="${t('members')}"><thead><tr><th scope="col">${t('user')}</th><th scope="col">${t('role')}</th>${mayWrite && html`<th scope="col">${t('actions')}</th>`}</tr></thead>
<tbody>${items.map((member) => html`<tr><th scope="row">${member.user}</th><td>${roleName(member.role, t)}</td>${mayWrite && html`<td>${actButton(`${at(member)}/remove`, member.version, t('removeMember'), { kind: 'danger', label: `${t('removeMember')}: ${member.user}` })}</td>`}</tr>`)}</tbody></table></div>`}
${mayWrite && html`<h3>${t('addMember')}</h3><form method="post" action="/organisations/${organisation.id}/members" class="record">${form.summary(t('checkFields'))}
<div class="pair">${form.input('user', t('user'), { required: true, maxLength: 64 })}${form.select('role', t('role'), roleChoices(t, organisationRoles))}</div><p><button class="primary">${t('add')}</button></p></form>`}</section>`
}

/** Organisations and who has which role in them. */
export function organisationRoutes({ control }: PortalOptions): PageRoute[] {
  const { consumers } = control
  const { routes, show, act } = recordPages(consumers, pages)
  return [
    ...routes,
    {
      method: 'POST', path: '/organisations/:id/active', access: 'signed-in',
      handle: (exchange, { id }) => act(exchange, id!, 'done', (view, form, version) => consumers.organisations.patch(id!, { active: form.get('active') === 'true' }, version, view.by)),
    },
    {
      method: 'POST', path: '/organisations/:id/members', access: 'signed-in',
      async handle(exchange, { id }) {
        const view = await openView(exchange, consumers)
        const fields = await readForm(exchange.request)
        const organisation = await consumers.organisations.get(id!, view.by)
        try {
          await consumers.members.create({ organisation: organisation.id, user: toText(fields, 'user') ?? '', role: fields.get('role') as OrganisationRole }, view.by)
          redirect(exchange.response, `/organisations/${organisation.id}?said=done`)
        } catch (thrown) {
          const refused = toRefused(thrown)
          if (refused.status >= 500) throw thrown
          const problems = refused.problems.length > 0 ? toFormProblems(refused.problems, view.t) : [{ at: 'user', text: sayRefusal(refused, view.t) }]
          await show(view, organisation, { status: refused.status, fresh: { form: { name: 'member', fields, problems } } })
        }
      },
    },
    {
      method: 'POST', path: '/organisations/:id/members/:member/remove', access: 'signed-in',
      handle: (exchange, { id, member }) => act(exchange, id!, 'done', (view, _form, version) => consumers.members.retire(member!, version, view.by)),
    },
  ]
}
