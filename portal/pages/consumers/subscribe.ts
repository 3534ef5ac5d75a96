import type { ClientApplication, ClientSubscription, Consumers, SubscriptionInput } from '../../../control/contract.ts'
import { defined, toText } from '../../forms/form-values.ts'
import { createFormView, type Choice, type Fields, type FormProblem } from '../../forms/form-view.ts'
import { html, type Html } from '../../html.ts'
import type { TextKey } from '../../texts.ts'
import { readForm } from '../../web/body.ts'
import { redirect, toRefused } from '../../web/reply.ts'
import type { PageRoute } from '../../web/router.ts'
import { mayUpon, type Fresh, type RecordRoutes } from './record-pages.ts'
import { sayRefusal, toFormProblems } from '../../refusals.ts'
import { choicesOf, openView, type T, type View } from './view.ts'

const states: Readonly<Record<ClientSubscription['state'], { readonly text: TextKey; readonly kind: string }>> = {
  pending: { text: 'pending', kind: 'warn' },
  approved: { text: 'approved', kind: 'good' },
  refused: { text: 'refusedState', kind: 'bad' },
  suspended: { text: 'suspended', kind: 'bad' },
}

export function subscriptionState({ state, retiredAt }: ClientSubscription, t: T): Html {
  return html`<span class="tag ${states[state].kind}">${t(states[state].text)}</span>${retiredAt && html` <span class="tag">${t('retired')}</span>`}`
}

/** What is subscribed to, as a link to its page. */
export function subscriptionTarget({ api, group, product }: ClientSubscription, t: T): Html {
  if (api) return html`<a href="/apis/${api}">${api}</a>`
  if (group) return html`<a href="/groups/${group}">${group}</a> <span class="soft">${t('group')}</span>`
  return html`<a href="/products/${product}">${product}</a> <span class="soft">${t('apiProduct')}</span>`
}

/** An application's subscriptions, and the form for another one. */
export async function drawSubscriptionsOf(application: ClientApplication, view: View, fresh?: Fresh): Promise<Html> {
  const { t, by, consumers } = view
  const { items } = await consumers.subscriptions.list({ application: application.id, limit: 200 }, by)
  const maySubscribe = !application.retiredAt && mayUpon(view, 'subscriptions.write', application)
  return html`<section class="card" aria-labelledby="subscriptions"><h2 id="subscriptions">${t('subscriptions')}</h2>
${items.length === 0
  ? html`<p>${t('noSubscriptions')}</p>`
  : html`<div class="scroll"><table aria-label="${t('subscriptions')}"><thead><tr><th scope="col">${t('target')}</th><th scope="col">${t('plan')}</th><th scope="col">${t('state')}</th><th scope="col">${t('actions')}</th></tr></thead>
<tbody>${items.map((one) => html`<tr><th scope="row">${subscriptionTarget(one, t)}</th><td><a href="/plans/${one.plan}">${one.plan}</a></td><td>${subscriptionState(one, t)}${one.reason && html`<br><span class="hint">${one.reason}</span>`}</td><td><a class="button" href="/subscriptions/${encodeURIComponent(one.id)}" aria-label="${t('show')}: ${one.api ?? one.group ?? one.product}">${t('show')}</a></td></tr>`)}</tbody></table></div>`}
${maySubscribe && (await drawForm(application, view, fresh))}</section>`
}

async function drawForm(application: ClientApplication, view: View, fresh: Fresh | undefined): Promise<Html> {
  const { t, by, consumers } = view
  const [apis, groups, products, plans] = await Promise.all([
    choicesOf(consumers.apis, by, ({ lifecycle }) => lifecycle === 'PUBLISHED'), choicesOf(consumers.groups, by), choicesOf(consumers.products, by),
    choicesOf(consumers.plans, by, ({ organisation }) => organisation === undefined || organisation === application.organisation),
  ])
  const targets = [...toTargets('api', apis), ...toTargets('group', groups, t('group')), ...toTargets('product', products, t('apiProduct'))]
  if (targets.length === 0 || plans.length === 0) return html`<p class="soft">${t('nothingToSubscribe')}</p>`
  const refused = fresh?.form?.name === 'subscribe' ? fresh.form : undefined
  const form = createFormView(refused?.fields ?? new URLSearchParams(), refused?.problems ?? [], t('optional'), 'subscribe')
  return html`<h3>${t('addSubscription')}</h3><form method="post" action="/applications/${application.id}/subscriptions" class="record">
${form.summary(t('checkFields'))}<div class="pair">${form.select('target', t('target'), targets)}${form.select('plan', t('plan'), plans)}</div>
${form.input('comment', t('comment'), { maxLength: 500 })}
<p><button class="primary">${t('subscribe')}</button></p></form>`
}

function toTargets(kind: 'api' | 'group' | 'product', choices: readonly Choice[], note?: string): Choice[] {
  return choices.map(({ value, text }) => ({ value: `${kind}:${value}`, text: note === undefined ? text : `${text} · ${note}` }))
}

function toInput(application: string, form: Fields): SubscriptionInput {
  const [kind, id = ''] = (form.get('target') ?? '').split(':')
  const target = kind === 'group' ? { group: id } : kind === 'product' ? { product: id } : { api: id }
  return { application, plan: form.get('plan') ?? '', ...defined({ comment: toText(form, 'comment') }), ...target }
}

export function subscribeRoutes(consumers: Consumers, show: RecordRoutes<ClientApplication>['show']): PageRoute[] {
  return [{
    method: 'POST', path: '/applications/:id/subscriptions', access: 'signed-in',
    async handle(exchange, { id }) {
      const view = await openView(exchange, consumers)
      const form = await readForm(exchange.request)
      const application = await consumers.applications.get(id!, view.by)
      try {
        await consumers.subscriptions.create(toInput(application.id, form), view.by)
        redirect(exchange.response, `/applications/${application.id}?said=done`)
      } catch (thrown) {
        const refused = toRefused(thrown)
        if (refused.status >= 500) throw thrown
        const problems: readonly FormProblem[] = refused.problems.length > 0
          ? toFormProblems(refused.problems, view.t).map((one) => (/^(api|group|product)$/.test(one.at) ? { ...one, at: 'target' } : one))
          : [{ at: refused.code === 'subscription.plan' ? 'plan' : 'target', text: sayRefusal(refused, view.t) }]
        await show(view, application, { status: refused.status, fresh: { form: { name: 'subscribe', fields: form, problems } } })
      }
    },
  }]
}
