import type { ApiGroup, ApiGroupInput, ApiProduct, ApiProductInput } from '../../../control/contract.ts'
import { defined, toText } from '../../forms/form-values.ts'
import { html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import type { PageRoute } from '../../web/router.ts'
import { recordPages, type RecordPages } from './record-pages.ts'
import { choicesOf, toFacts } from './view.ts'

const groupPages: RecordPages<ApiGroup, ApiGroupInput> = {
  path: '/groups', tab: 'groups', intro: 'groupsIntro', one: 'group', add: 'addGroup', edit: 'editGroup',
  records: (consumers) => consumers.groups,
  mayWrite: (view, record) => (record ? view.may('groups.write', record.organisation) : view.mayAnywhere('groups.write')),
  retires: true,
  filters: { organisation: true },
  columns: [{ head: 'organisation', cell: ({ organisation }) => organisation }, { head: 'apis', cell: ({ apis }) => apis.length }],
  toFields: (record) => toFields(record),
  toInput: (fields) => ({ ...toCommon(fields), apis: fields.getAll('apis') }),
  async drawFields(form, _fields, { t, by, consumers }) {
    const [organisations, apis] = await Promise.all([choicesOf(consumers.organisations, by), choicesOf(consumers.apis, by)])
    return html`${form.input('name', t('name'), { required: true, maxLength: 120 })}${form.select('organisation', t('organisation'), organisations)}${form.area('description', t('description'))}${form.checks('apis', t('apis'), apis)}`
  },
  async draw({ organisation, description, apis }, { t }) {
    return html`<section class="card">${toFacts([[t('organisation'), organisation], [t('description'), description], [t('apis'), toLinks('/apis', apis) ?? t('none')]])}</section>`
  },
}

const productPages: RecordPages<ApiProduct, ApiProductInput> = {
  path: '/products', tab: 'products', intro: 'productsIntro', one: 'apiProduct', add: 'addProduct', edit: 'editProduct',
  records: (consumers) => consumers.products,
  mayWrite: (view, record) => (record ? view.may('products.write', record.organisation) : view.mayAnywhere('products.write')),
  retires: true,
  filters: { organisation: true },
  columns: [{ head: 'organisation', cell: ({ organisation }) => organisation }, { head: 'apis', cell: ({ apis }) => apis.length }, { head: 'groups', cell: ({ groups }) => groups.length }],
  toFields: (record) => toFields(record, record.groups),
  toInput: (fields) => ({ ...toCommon(fields), apis: fields.getAll('apis'), groups: fields.getAll('groups') }),
  async drawFields(form, _fields, { t, by, consumers }) {
    const [organisations, apis, groups] = await Promise.all([choicesOf(consumers.organisations, by), choicesOf(consumers.apis, by), choicesOf(consumers.groups, by)])
    return html`${form.input('name', t('name'), { required: true, maxLength: 120 })}${form.select('organisation', t('organisation'), organisations)}${form.area('description', t('description'))}${form.checks('apis', t('apis'), apis)}${form.checks('groups', t('groups'), groups)}`
  },
  async draw({ organisation, description, apis, groups }, { t }) {
    return html`<section class="card">${toFacts([[t('organisation'), organisation], [t('description'), description], [t('apis'), toLinks('/apis', apis) ?? t('none')], [t('groups'), toLinks('/groups', groups) ?? t('none')]])}</section>`
  },
}

function toFields({ name, organisation, description, apis }: ApiGroup | ApiProduct, groups: readonly string[] = []): URLSearchParams {
  return new URLSearchParams([['name', name], ['organisation', organisation], ['description', description ?? ''], ...apis.map((id): [string, string] => ['apis', id]), ...groups.map((id): [string, string] => ['groups', id])])
}

function toCommon(fields: URLSearchParams): ApiGroupInput {
  return { name: toText(fields, 'name') ?? '', organisation: toText(fields, 'organisation') ?? '', ...defined({ description: toText(fields, 'description') }) }
}

function toLinks(path: string, ids: readonly string[]) {
  return ids.length === 0 ? undefined : ids.map((id, i) => html`${i > 0 && ', '}<a href="${path}/${id}">${id}</a>`)
}

/** Groups and products: sets of APIs that are subscribed to as one. */
export function setRoutes({ control }: PortalOptions): PageRoute[] {
  return [...recordPages(control.consumers, groupPages).routes, ...recordPages(control.consumers, productPages).routes]
}
