import type { ClientApplicationInput } from '../../../control/contract.ts'
import { compactRows, defined, fromMoment, rowsOf, toLines, toMoment, toText } from '../../forms/form-values.ts'
import type { Fields, FormView } from '../../forms/form-view.ts'
import { html, type Html } from '../../html.ts'
import type { Language } from '../../web/language.ts'
import { toFacts, type T } from './view.ts'
import { toTime } from '../../time.ts'

type Rules = NonNullable<ClientApplicationInput['rules']>

/** Rules of who, from where and when, as fields of a form. */
export function addRules(fields: Fields, rules: Rules): void {
  fields.set('rules.cidrs', (rules.cidrs ?? []).join('\n'))
  fields.set('rules.validFrom', fromMoment(rules.validFrom))
  fields.set('rules.validUntil', fromMoment(rules.validUntil))
  fields.set('rules.hours.zone', rules.hours?.zone ?? '')
  for (const [i, { days, from, to }] of (rules.hours?.windows ?? []).entries()) {
    for (const day of days) fields.append(`rules.hours.windows.${i}.days`, String(day))
    fields.set(`rules.hours.windows.${i}.from`, from)
    fields.set(`rules.hours.windows.${i}.to`, to)
  }
  fields.set('rules.clearance', rules.clearance ?? '')
  fields.set('rules.attributes', Object.entries(rules.attributes ?? {}).map(([name, value]) => `${name} = ${value}`).join('\n'))
}

export function tidyRules(fields: Fields): Fields {
  return compactRows(fields, 'rules.hours.windows', (row) => row('days') !== '' || row('from') !== '' || row('to') !== '')
}

export function toRules(fields: Fields): Rules {
  const windows = rowsOf(fields, 'rules.hours.windows').map((row) => ({
    days: fields.getAll(`rules.hours.windows.${row}.days`).map(Number),
    from: toText(fields, `rules.hours.windows.${row}.from`) ?? '',
    to: toText(fields, `rules.hours.windows.${row}.to`) ?? '',
  }))
  const zone = toText(fields, 'rules.hours.zone')
  const cidrs = toLines(fields, 'rules.cidrs')
  const attributes = toLines(fields, 'rules.attributes').map((line) => {
    const at = line.indexOf('=')
    return at < 0 ? [line, ''] as const : [line.slice(0, at).trim(), line.slice(at + 1).trim()] as const
  })
  return defined({
    cidrs: cidrs.length > 0 ? cidrs : undefined,
    validFrom: toMoment(fields, 'rules.validFrom'),
    validUntil: toMoment(fields, 'rules.validUntil'),
    hours: windows.length > 0 || zone !== undefined ? { zone: zone ?? '', windows } : undefined,
    clearance: toText(fields, 'rules.clearance'),
    attributes: attributes.length > 0 ? Object.fromEntries(attributes) : undefined,
  })
}

export function drawRules(form: FormView, fields: Fields, t: T, language: Language): Html {
  const rows = rowsOf(fields, 'rules.hours.windows')
  const shown = fields.get('act') === 'add-window' || rows.length === 0 ? [...rows, (rows.at(-1) ?? -1) + 1] : rows
  const days = [1, 2, 3, 4, 5, 6, 7].map((day) => ({ value: String(day), text: dayName(day, language) }))
  return form.group('rules', t('rules'), html`
${form.area('rules.cidrs', t('cidrs'), { hint: t('cidrsHint') })}
<div class="pair">${form.input('rules.validFrom', t('validFrom'), { type: 'datetime-local' })}${form.input('rules.validUntil', t('validUntil'), { type: 'datetime-local' })}</div>
${form.group('rules.hours', t('serviceHours'), html`
${form.input('rules.hours.zone', t('zone'), { hint: t('zoneHint'), list: 'zones' })}
${shown.map((row, i) => form.group(`rules.hours.windows.${row}`, `${t('window')} ${i + 1}`, html`
${form.checks(`rules.hours.windows.${row}.days`, t('weekdays'), days)}
<div class="pair">${form.input(`rules.hours.windows.${row}.from`, t('from'), { type: 'time' })}${form.input(`rules.hours.windows.${row}.to`, t('to'), { type: 'time' })}</div>`))}
<p><button name="act" value="add-window" formnovalidate>${t('addWindow')}</button></p>`, t('serviceHoursHint'))}
${form.input('rules.clearance', t('clearance'), { hint: t('clearanceHint') })}
${form.area('rules.attributes', t('attributes'), { hint: t('attributesHint') })}`, t('rulesHint'))
}

/** Rules as a person reads them. */
export function describeRules(rules: Rules, t: T, language: Language): Html {
  const { cidrs = [], validFrom, validUntil, hours, clearance, attributes = {} } = rules
  return toFacts([
    [t('cidrs'), cidrs.length > 0 ? cidrs.map((cidr) => html`<code>${cidr}</code> `) : t('everywhere')],
    [t('validFrom'), validFrom && toTime(validFrom, language)],
    [t('validUntil'), validUntil && toTime(validUntil, language)],
    [t('serviceHours'), hours ? html`${hours.windows.map(({ days, from, to }) => html`${days.map((day) => dayName(day, language)).join(' ')} ${from}–${to}<br>`)}<span class="soft">${hours.zone}</span>` : t('always')],
    [t('clearance'), clearance && html`<code>${clearance}</code>`],
    [t('attributes'), Object.keys(attributes).length > 0 && html`${Object.entries(attributes).map(([name, value]) => html`<code>${name}</code> = ${value}<br>`)}`],
  ])
}

/** 1 is Monday. */
function dayName(day: number, language: Language): string {
  return new Intl.DateTimeFormat(language, { weekday: 'short', timeZone: 'UTC' }).format(new Date(Date.UTC(2024, 0, day)))
}
