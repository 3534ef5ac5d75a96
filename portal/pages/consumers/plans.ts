import type { ClientPlan, ClientPlanInput, Role } from '../../../control/contract.ts'
import { quotaAlgorithms, quotaUnits } from '../../../runtime/core/access/quota-windows.ts'
import { compactRows, defined, rowsOf, toNumber, toText } from '../../forms/form-values.ts'
import type { Fields, FormView } from '../../forms/form-view.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import type { PageRoute } from '../../web/router.ts'
import { recordPages, type RecordPages } from './record-pages.ts'
import { roleChoices, roleName } from './roles.ts'
import { choicesOf, toFacts, type T } from './view.ts'

type Quota = ClientPlan['quotas'][number]

const pages: RecordPages<ClientPlan, ClientPlanInput> = {
  path: '/plans', tab: 'plans', intro: 'plansIntro', one: 'plan', add: 'addPlan', edit: 'editPlan',
  records: (consumers) => consumers.plans,
  mayWrite: (view, record) => (record ? view.may('plans.write', record.organisation) : view.mayAnywhere('plans.write')),
  retires: true,
  filters: { organisation: true },
  columns: [
    { head: 'limits', cell: (plan, { t }) => describeLimits(plan, t) },
    { head: 'priority', cell: ({ priority }) => priority },
    { head: 'organisation', cell: ({ organisation }, { t }) => organisation ?? html`<span class="soft">${t('anyOrganisation')}</span>` },
  ],
  toFields(plan) {
    const fields = new URLSearchParams({
      name: plan.name, organisation: plan.organisation ?? '', description: plan.description ?? '',
      'rate.perSecond': String(plan.rate?.perSecond ?? ''), 'rate.burst': String(plan.rate?.burst ?? ''), concurrency: String(plan.concurrency ?? ''), priority: String(plan.priority),
    })
    for (const [i, { limit, every, unit, algorithm, zone }] of plan.quotas.entries()) {
      for (const [name, value] of Object.entries({ limit, every, unit, algorithm, zone: zone ?? '' })) fields.set(`quotas.${i}.${name}`, String(value))
    }
    for (const role of plan.roles ?? []) fields.append('roles', role)
    if (plan.autoApprove) fields.set('autoApprove', 'yes')
    return fields
  },
  tidy: (fields) => compactRows(fields, 'quotas', (row) => row('limit') !== ''),
  toInput(fields) {
    const perSecond = toNumber(fields, 'rate.perSecond')
    const burst = toNumber(fields, 'rate.burst')
    const roles = fields.getAll('roles') as Role[]
    return {
      name: toText(fields, 'name') ?? '',
      quotas: rowsOf(fields, 'quotas').map((row) => toQuota(fields, `quotas.${row}`)),
      autoApprove: fields.get('autoApprove') === 'yes',
      ...defined({
        organisation: toText(fields, 'organisation'),
        description: toText(fields, 'description'),
        // A rate without a burst lets one second's calls come at once.
        rate: perSecond === undefined && burst === undefined ? undefined : { perSecond: perSecond!, burst: burst ?? (typeof perSecond === 'number' ? Math.max(1, Math.ceil(perSecond)) : 1) },
        concurrency: toNumber(fields, 'concurrency'),
        priority: toNumber(fields, 'priority'),
        roles: roles.length > 0 ? roles : undefined,
      }),
    }
  },
  async drawFields(form, fields, { t, by, consumers, mayAnywhere, may }) {
    const organisations = await choicesOf(consumers.organisations, by)
    return html`${form.input('name', t('name'), { required: true, maxLength: 120 })}
${form.select('organisation', t('organisation'), [...(may('plans.write') || !mayAnywhere('plans.write') ? [{ value: '', text: t('anyOrganisation') }] : []), ...organisations])}
${form.area('description', t('description'))}
${drawQuotas(form, fields, t)}
${form.group('rate', t('rate'), html`<div class="pair">${form.input('rate.perSecond', t('perSecond'), { type: 'number', min: 0, fractions: true })}${form.input('rate.burst', t('burst'), { type: 'number', min: 1, hint: t('burstHint') })}</div>`)}
<div class="pair">${form.input('concurrency', t('concurrency'), { type: 'number', min: 1 })}${form.input('priority', t('priority'), { type: 'number', min: 0, max: 9, hint: t('priorityHint') })}</div>
${form.checks('roles', t('whoMayChoose'), roleChoices(t), { hint: t('whoMayChooseHint') })}
${form.check('autoApprove', t('autoApprove'))}`
  },
  async draw(plan, { t }) {
    return html`<section class="card">${toFacts([
      [t('limits'), describeLimits(plan, t)], [t('priority'), plan.priority], [t('organisation'), plan.organisation ?? t('anyOrganisation')],
      [t('whoMayChoose'), (plan.roles ?? []).length > 0 && plan.roles!.map((role) => roleName(role, t)).join(', ')],
      [t('autoApprove'), t(plan.autoApprove ? 'yes' : 'no')], [t('description'), plan.description],
    ])}</section>`
  },
}

function toQuota(fields: Fields, row: string): Quota {
  return {
    limit: toNumber(fields, `${row}.limit`)!,
    every: toNumber(fields, `${row}.every`) ?? 1,
    unit: (fields.get(`${row}.unit`) ?? 'day') as Quota['unit'],
    algorithm: (fields.get(`${row}.algorithm`) ?? 'fixed') as Quota['algorithm'],
    ...defined({ zone: toText(fields, `${row}.zone`) }),
  }
}

function drawQuotas(form: FormView, fields: Fields, t: T): Html {
  const rows = rowsOf(fields, 'quotas')
  // A new plan shows two windows at once; the button adds one more, without scripts.
  const last = rows.at(-1) ?? -1
  const shown = fields.get('act') === 'add-quota' ? [...rows, last + 1] : rows.length === 0 ? [0, 1] : rows
  for (const row of shown) if (!fields.has(`quotas.${row}.every`)) fields.set(`quotas.${row}.every`, '1')
  return form.group('quotas', t('quotas'), html`${shown.map((row, i) => form.group(`quotas.${row}`, `${t('quota')} ${i + 1}`, html`<div class="pair">
${form.input(`quotas.${row}.limit`, t('calls'), { type: 'number', min: 0 })}${form.input(`quotas.${row}.every`, t('every'), { type: 'number', min: 1 })}
${form.select(`quotas.${row}.unit`, t('unit'), ['day', ...quotaUnits.filter((unit) => unit !== 'day')].map((unit) => ({ value: unit, text: t(unit as Quota['unit']) })))}
${form.select(`quotas.${row}.algorithm`, t('algorithm'), quotaAlgorithms.map((one) => ({ value: one, text: t(one) })))}
${form.input(`quotas.${row}.zone`, t('zone'), { list: 'zones' })}</div>`))}
<p><button name="act" value="add-quota" formnovalidate>${t('addQuota')}</button></p>`, t('quotasHint'))
}

/** Limits as a person reads them, one a line. */
export function describeLimits({ quotas, rate, concurrency }: ClientPlan, t: T): Html {
  const lines = [
    ...quotas.map(({ limit, every, unit, algorithm, zone }) => (unit === 'total' ? html`${limit} ${t('total')}` : html`${limit} / ${every === 1 ? t(`${unit}One`) : `${every} ${t(unit)}`} <span class="soft">${t(algorithm)}${zone && ` · ${zone}`}</span>`)),
    ...(rate ? [html`${rate.perSecond} / ${t('secondOne')} <span class="soft">${t('burst')} ${rate.burst}</span>`] : []),
    ...(concurrency === undefined ? [] : [html`${t('concurrency')}: ${concurrency}`]),
  ]
  return lines.length === 0 ? html`${t('unlimited')}` : html`${lines.map((line, i) => html`${i > 0 && html`<br>`}${line}`)}`
}

/** Plans: how much a subscriber may call. */
export function planRoutes({ control }: PortalOptions): PageRoute[] {
  return recordPages(control.consumers, pages).routes
}
