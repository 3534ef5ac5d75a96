import type { ClientSubscription, PageQuery } from '../../../control/contract.ts'
import { toText } from '../../forms/form-values.ts'
import { html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import type { TextKey } from '../../texts.ts'
import { toTime } from '../../time.ts'
import { readForm } from '../../web/body.ts'
import type { Exchange } from '../../web/exchange.ts'
import { redirect, toRefused } from '../../web/reply.ts'
import type { PageRoute } from '../../web/router.ts'
import { actButton, confirmBox, noticeOf, searchForm, toPager, toVersion } from './record-pages.ts'
import { sayRefusal } from '../../refusals.ts'
import { subscriptionState, subscriptionTarget } from './subscribe.ts'
import { choicesOf, openView, sendPage, toFacts, type View } from './view.ts'

const filters: readonly { readonly value: string; readonly text: TextKey }[] = [
  { value: 'pending', text: 'pending' }, { value: 'approved', text: 'approved' }, { value: 'suspended', text: 'suspended' }, { value: 'refused', text: 'refusedState' },
]
type Act = 'approve' | 'refuse' | 'suspend' | 'resume'
/** What can be decided from a state, and the right that it needs. */
const acts: Readonly<Record<ClientSubscription['state'], readonly Act[]>> = { pending: ['approve', 'refuse'], approved: ['suspend', 'refuse'], suspended: ['resume'], refused: [] }
const rightOf = { approve: 'subscriptions.approve', refuse: 'subscriptions.approve', suspend: 'subscriptions.suspend', resume: 'subscriptions.suspend' } as const

/** Subscriptions: those that wait first; deciding about one, and its plan. */
export function subscriptionRoutes({ control }: PortalOptions): PageRoute[] {
  const { consumers } = control
  const at = (id: string) => `/subscriptions/${encodeURIComponent(id)}`
  const mayDo = (view: View, act: Act, { organisation }: ClientSubscription) => view.may(rightOf[act], organisation)

  async function showList(exchange: Exchange): Promise<void> {
    const view = await openView(exchange, consumers)
    const { t, by } = view
    const { searchParams } = exchange.url
    // What waits is what one comes for; an empty choice in the form asks for all.
    if (!searchParams.has('state')) searchParams.set('state', 'pending')
    const given = (name: string) => searchParams.get(name)?.trim() || undefined
    const query: PageQuery = { limit: 50, search: given('search'), organisation: given('organisation'), state: given('state'), cursor: given('cursor'), ...(searchParams.has('retired') ? { retired: true } : {}) }
    const [page, organisations] = await Promise.all([
      consumers.subscriptions.list(Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as PageQuery, by), choicesOf(consumers.organisations, by),
    ])
    const body = html`<h1>${t('subscriptions')}</h1><p class="soft">${t('subscriptionsIntro')}</p>
${searchForm(view, '/subscriptions', organisations, filters)}
${page.items.length === 0
  ? html`<p>${t('nothingFound')}</p>`
  : html`<div class="scroll card"><table aria-label="${t('subscriptions')}"><thead><tr><th scope="col">${t('application')}</th><th scope="col">${t('target')}</th><th scope="col">${t('plan')}</th><th scope="col">${t('comment')}</th><th scope="col">${t('state')}</th><th scope="col">${t('actions')}</th></tr></thead>
<tbody>${page.items.map((one) => html`<tr><th scope="row"><a href="/applications/${one.application}">${one.application}</a><br><span class="soft">${one.organisation}</span></th><td>${subscriptionTarget(one, t)}</td><td><a href="/plans/${one.plan}">${one.plan}</a></td><td>${one.comment}<br><span class="soft">${one.createdBy}, ${toTime(one.createdAt, exchange.language)}</span></td><td>${subscriptionState(one, t)}</td>
<td>${one.state === 'pending' && !one.retiredAt && mayDo(view, 'approve', one) && actButton(`${at(one.id)}/decide`, one.version, t('approve'), { kind: 'primary', label: `${t('approve')}: ${one.application}`, hidden: { act: 'approve', back: 'list' } })}<a class="button" href="${at(one.id)}" aria-label="${t(one.state === 'pending' ? 'decide' : 'show')}: ${one.application}">${t(one.state === 'pending' ? 'decide' : 'show')}</a></td></tr>`)}</tbody></table></div>`}
${toPager(exchange.url, page.next, t)}`
    sendPage(view, 'subscriptions', { title: t('subscriptions'), body, ...noticeOf(exchange, t) })
  }

  async function show(view: View, one: ClientSubscription, refusal?: { readonly status: number; readonly text: string }): Promise<void> {
    const { t, by, exchange } = view
    const application = await consumers.applications.get(one.application, by).catch(() => undefined)
    const mayWrite = !one.retiredAt && one.managedBy === undefined && (view.may('subscriptions.write', one.organisation) || (application?.owner === by.name && view.may('records.own', one.organisation)))
    const allowed = one.retiredAt ? [] : acts[one.state].filter((act) => mayDo(view, act, one))
    const plans = mayWrite ? await choicesOf(consumers.plans, by, ({ organisation }) => organisation === undefined || organisation === one.organisation) : []
    const body = html`<p class="crumb"><a href="/subscriptions">${t('subscriptions')}</a></p><div class="head"><h1>${one.application} → ${one.api ?? one.group ?? one.product}</h1>
${mayWrite && html`<a class="button danger" href="${at(one.id)}/retire">${t('retire')}</a>`}</div>
<section class="card">${toFacts([
  [t('state'), subscriptionState(one, t)], [t('application'), html`<a href="/applications/${one.application}">${one.application}</a>`], [t('target'), subscriptionTarget(one, t)], [t('plan'), html`<a href="/plans/${one.plan}">${one.plan}</a>`],
  [t('organisation'), one.organisation], [t('comment'), one.comment], [t('who'), html`${one.createdBy}, ${toTime(one.createdAt, exchange.language)}`],
  [t('decidedBy'), one.decidedBy && html`${one.decidedBy}${one.decidedAt && html`, ${toTime(one.decidedAt, exchange.language)}`}`], [t('reason'), one.reason],
])}</section>
${allowed.length > 0 && html`<section class="card"><h2>${t('decide')}</h2><form method="post" action="${at(one.id)}/decide" class="record"><input type="hidden" name="version" value="${one.version}">
<div class="field"><label for="reason">${t('reason')} <span class="soft">(${t('optional')})</span></label><input id="reason" name="reason" maxlength="500" aria-describedby="reason-hint"><p class="hint" id="reason-hint">${t('reasonHint')}</p></div>
<p class="row">${allowed.map((act) => html`<button name="act" value="${act}" class="${act === 'approve' || act === 'resume' ? 'primary' : 'danger'}">${t(act)}</button>`)}</p></form></section>`}
${plans.length > 1 && html`<section class="card"><h2>${t('changePlan')}</h2><form method="post" action="${at(one.id)}/plan" class="row"><input type="hidden" name="version" value="${one.version}"><label>${t('plan')}<select name="plan">${plans.map(({ value, text }) => html`<option value="${value}"${value === one.plan && html` selected`}>${text}</option>`)}</select></label><button>${t('changePlan')}</button></form></section>`}`
    sendPage(view, 'subscriptions', { title: `${t('subscription')}: ${one.application}`, body, ...noticeOf(exchange, t), ...(refusal ? { status: refusal.status, notice: { kind: 'bad', text: refusal.text } } : {}) })
  }

  /** Does something to a subscription; a refusal is said on its page. */
  async function act(exchange: Exchange, id: string, run: (view: View, form: URLSearchParams, version: number | undefined) => Promise<unknown>): Promise<void> {
    const view = await openView(exchange, consumers)
    const form = await readForm(exchange.request)
    try {
      await run(view, form, toVersion(form))
    } catch (thrown) {
      const refused = toRefused(thrown)
      if (refused.status >= 500 || refused.status === 404) throw thrown
      return show(view, await consumers.subscriptions.get(id, view.by), { status: refused.status, text: sayRefusal(refused, view.t) })
    }
    redirect(exchange.response, form.get('back') === 'list' ? '/subscriptions?said=done' : `${at(id)}?said=done`)
  }

  return [
    { method: 'GET', path: '/subscriptions', access: 'signed-in', handle: showList },
    { method: 'GET', path: '/subscriptions/:id', access: 'signed-in', handle: async (exchange, { id }) => {
      const view = await openView(exchange, consumers)
      await show(view, await consumers.subscriptions.get(id!, view.by))
    } },
    { method: 'POST', path: '/subscriptions/:id/decide', access: 'signed-in', handle: (exchange, { id }) => act(exchange, id!, (view, form, version) => {
      const reason = toText(form, 'reason')
      return consumers.subscriptions.decide(id!, form.get('act') as Act, { ...(reason === undefined ? {} : { reason }), ...(version === undefined ? {} : { version }) }, view.by)
    }) },
    { method: 'POST', path: '/subscriptions/:id/plan', access: 'signed-in', handle: (exchange, { id }) => act(exchange, id!, (view, form, version) => consumers.subscriptions.changePlan(id!, form.get('plan') ?? '', version, view.by)) },
    { method: 'GET', path: '/subscriptions/:id/retire', access: 'signed-in', handle: async (exchange, { id }) => {
      const view = await openView(exchange, consumers)
      const one = await consumers.subscriptions.get(id!, view.by)
      const title = `${view.t('retire')}: ${one.application} → ${one.api ?? one.group ?? one.product}`
      sendPage(view, 'subscriptions', { title, body: confirmBox(view.t, title, view.t('retireExplain'), `${at(one.id)}/retire`, view.t('retire'), at(one.id), one.version) })
    } },
    { method: 'POST', path: '/subscriptions/:id/retire', access: 'signed-in', handle: (exchange, { id }) => act(exchange, id!, (view, _form, version) => consumers.subscriptions.retire(id!, version, view.by)) },
  ]
}

