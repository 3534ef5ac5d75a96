import type { Key, KeySchedulePart } from '../../../control/contract.ts'
import { fill } from '../../../runtime/core/saying.ts'
import { keyScheduleLimits } from '../../../vault/words/key-schedule-limits.ts'
import { toNumber } from '../../forms/form-values.ts'
import { createFormView, type Fields, type FormView } from '../../forms/form-view.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import { toTime } from '../../time.ts'
import type { PageRoute } from '../../web/router.ts'
import { toFacts, type View } from '../consumers/view.ts'
import { problemsOf, revisionField, toExpected, vaultAct, vaultPage, type Again, type VaultPage } from './vault-page.ts'

const at = (name: string) => `/vault/keys/${encodeURIComponent(name)}/schedule`

/** When the vault replaces a key by itself, and for how long older versions go on. */
export function keyScheduleRoutes({ control }: PortalOptions): PageRoute[] {
  const { consumers, dataProtection } = control

  async function draw(view: View, name: string, again?: Again): Promise<VaultPage> {
    const { t, by, exchange } = view
    const key = await dataProtection.keys.get(name, by)
    const title = `${t('keySchedule')}: ${name}`
    const fields = again?.fields ?? new URLSearchParams(Object.entries({ rotateEveryDays: key.rotateEveryDays, keepOldDays: key.keepOldDays }).map(([field, days]): [string, string] => [field, String(days ?? '')]))
    const form = createFormView(fields, again ? problemsOf(again, t).map((problem) => (again.refused.code === 'key.schedule' ? { ...problem, at: 'rotateEveryDays' } : problem)) : [], t('optional'))
    const drawn = drawScheduleFields(form, view)
    const off = key.versions.filter(({ offAt }) => offAt !== undefined)
    const body = html`<p class="crumb"><a href="/vault/keys">${t('vaultKeys')}</a></p><h1>${title}</h1><p class="soft">${t('keyScheduleIntro')}</p>
<section class="card">${toFacts([
  [t('keyCurrent'), html`${key.current} · ${toTime(key.versions.find(({ version }) => version === key.current)?.createdAt ?? '', exchange.language)}`],
  [t('keyDue'), key.dueAt === undefined ? t('keyDueNever') : toTime(key.dueAt, exchange.language)],
  [t('keyOffAt'), off.length > 0 && html`<ul>${off.map((one) => html`<li>${one.version} · ${toTime(one.offAt ?? '', exchange.language)}</li>`)}</ul>`],
])}</section>
<section class="card"><form method="post" action="${at(name)}" class="record">${form.summary(t('checkFields'))}${revisionField(key.revision)}${drawn}<p class="row"><button class="primary">${t('save')}</button><a class="button" href="/vault/keys">${t('cancel')}</a></p></form></section>`
    return { title, body, told: again !== undefined }
  }

  return [
    { method: 'GET', path: '/vault/keys/:name/schedule', access: 'signed-in', handle: vaultPage(consumers, 'vaultKeys', (view, { name }) => draw(view, name!)) },
    {
      method: 'POST', path: '/vault/keys/:name/schedule', access: 'signed-in',
      handle: vaultAct(consumers, 'vaultKeys', async ({ by }, form, { name }) => {
        const part = toSchedulePart(form)
        consumers.check('VaultKeySchedule', part)
        await dataProtection.keys.schedule(name!, part, by, toExpected(form))
        return '/vault/keys?said=vaultChanged'
      }, (view, { name }, again) => draw(view, name!, again)),
    },
  ]
}

/** Two numbers of days; an empty field is no schedule. */
export function drawScheduleFields(form: FormView, { t }: View): Html {
  return html`<div class="pair">${form.input('rotateEveryDays', t('rotateEveryDays'), { type: 'number', min: 1, max: keyScheduleLimits.rotateEveryDays, hint: t('rotateEveryDaysHint') })}${form.input('keepOldDays', t('keepOldDays'), { type: 'number', min: 1, max: keyScheduleLimits.keepOldDays, hint: t('keepOldDaysHint') })}</div>`
}

export function toSchedulePart(form: Fields): KeySchedulePart {
  return { rotateEveryDays: toNumber(form, 'rotateEveryDays') ?? null, keepOldDays: toNumber(form, 'keepOldDays') ?? null }
}

/** What a list of keys says of it; nothing of a key that people alone replace. */
export function sayDue({ rotateEveryDays, dueAt }: Key, { t, exchange }: View): Html | undefined {
  if (rotateEveryDays === undefined) return undefined
  return html`<p class="soft">${fill(t('keyEvery'), { days: rotateEveryDays })}${dueAt && html`<br>${t('keyDue')}: ${toTime(dueAt, exchange.language)}`}</p>`
}
