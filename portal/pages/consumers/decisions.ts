import { Refused, type ClientApplication, type DecisionQuery, type KnownDecision } from '../../../control/contract.ts'
import { gatewayLimitType } from '../../../runtime/core/access/admission.ts'
import { explainCheck, explainPassing } from '../../../runtime/core/access/explain-check.ts'
import { faults } from '../../../runtime/core/faults.ts'
import { refusalRemedies, remedyOf } from '../../../runtime/core/access/refusal-remedies.ts'
import { lookUp } from '../../../runtime/core/saying.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import { toTime } from '../../time.ts'
import type { Exchange } from '../../web/exchange.ts'
import { redirect } from '../../web/reply.ts'
import type { PageRoute } from '../../web/router.ts'
import { toPager } from './record-pages.ts'
import { openView, sendPage, toFacts, type View } from './view.ts'

const filters = ['application', 'api', 'code', 'organisation', 'cursor'] as const

/** Calls that were refused: the list, and why one of them was. */
export function decisionRoutes({ control }: PortalOptions): PageRoute[] {
  const { consumers, decisions } = control

  async function showList(exchange: Exchange): Promise<void> {
    const { searchParams } = exchange.url
    const id = searchParams.get('id')?.trim()
    if (id) return redirect(exchange.response, `/decisions/${encodeURIComponent(id)}`)
    const view = await openView(exchange, consumers)
    const { t, by } = view
    const query: DecisionQuery = { limit: 50, ...Object.fromEntries(filters.map((name) => [name, searchParams.get(name)?.trim()]).filter(([, value]) => value)) }
    const page = await decisions.list(query, by)
    const field = (name: 'application' | 'api' | 'code', label: string, list = '') => html`<label>${label}<input name="${name}" value="${searchParams.get(name) ?? ''}"${list && html` list="${list}"`} autocapitalize="none" spellcheck="false"></label>`
    const body = html`<h1>${t('refusedCalls')}</h1>
<p class="soft">${t('decisionsIntro')}</p>
<form method="get" action="/decisions" role="search" class="row filters"><label>${t('decisionId')}<input name="id" autocapitalize="none" spellcheck="false"></label>${field('application', t('application'))}${field('api', t('api'))}${field('code', t('code'), 'codes')}<button>${t('show')}</button></form>
<datalist id="codes">${Object.keys(refusalRemedies).map((code) => html`<option value="${code}">`)}</datalist>
${page.items.length === 0
  ? html`<p>${t('noDecisions')}</p>`
  : html`<div class="scroll card"><table aria-label="${t('refusedCalls')}"><thead><tr><th scope="col">${t('when')}</th><th scope="col">${t('code')}</th><th scope="col">${t('application')}</th><th scope="col">${t('api')}</th><th scope="col">${t('call')}</th><th scope="col">${t('decisionId')}</th></tr></thead>
<tbody>${page.items.map((one) => toRow(one, view))}</tbody></table></div>`}
${toPager(exchange.url, page.next, t)}`
    sendPage(view, 'refusedCalls', { title: t('refusedCalls'), body })
  }

  async function showOne(exchange: Exchange, id: string): Promise<void> {
    const view = await openView(exchange, consumers)
    const { t } = view
    const decision = await decisions.get(id, view.by).catch((thrown: unknown) => {
      throw thrown instanceof Refused && thrown.code === 'record.none' ? new Refused(thrown.code, thrown.status, t('noDecision')) : thrown
    })
    const gateway = decision.gateway === undefined ? undefined : ((await control.gateways.list()).find((one) => one.id === decision.gateway)?.name ?? decision.gateway)
    sendPage(view, 'refusedCalls', { title: t('whyRefused'), body: drawDecision(decision, view, gateway) })
  }

  return [
    { method: 'GET', path: '/decisions', access: 'signed-in', handle: showList },
    { method: 'GET', path: '/decisions/:id', access: 'signed-in', handle: (exchange, { id }) => showOne(exchange, id!) },
  ]
}

/** The way from an application to its calls that were refused. */
export function linkToDecisions({ id }: ClientApplication, { t }: View): Html {
  return html`<p><a href="/decisions?application=${encodeURIComponent(id)}">${t('refusedCalls')}</a></p>`
}

function toRow(one: KnownDecision, { exchange }: View): Html {
  return html`<tr><td>${toTime(new Date(one.at).toISOString(), exchange.language)}</td><td><code>${one.code}</code><br><span class="soft">${one.status}</span></td>
<td>${one.application && html`<a href="/applications/${encodeURIComponent(one.application)}">${one.application}</a>`}</td><td>${one.api && html`<a href="/apis/${encodeURIComponent(one.api)}">${one.api}</a>`}</td>
<td>${one.method} <code>${one.route}</code>${one.ip && html`<br><span class="soft">${one.ip}</span>`}</td><th scope="row"><a href="/decisions/${encodeURIComponent(one.id)}"><code>${one.id}</code></a></th></tr>`
}

function drawDecision(decision: KnownDecision, { t, exchange }: View, gateway: string | undefined): Html {
  const { language } = exchange
  const { code, checks, decidedBy } = decision
  const passes = explainPassing(decision, language)
  const remedy = remedyOf(code)
  const decider = checks[decidedBy]
  const main = decider && explainCheck(decider, language)
  return html`<h1>${t('whyRefused')}</h1>
<section class="card verdict"><p class="headline"><code>${code}</code> ${decision.status}${language === 'en' ? ': ' : '：'}${titleOf(code, language)}</p>
${main && html`<p><strong>${main.name}</strong>${language === 'en' ? ': ' : '：'}${main.found}${main.passes && html` — ${main.passes}`}</p>`}
<p>${passes ? html`${t('passesAt')} <strong>${passes}</strong>` : decider?.check === 'lease' ? t('passesSoon') : t('passesNever')}</p>
${remedy && html`<p>${t('whatToDo')} ${remedy[language]}</p>`}</section>
<section class="card"><h2>${t('whatWasLookedAt')}</h2>
<ol class="decision">${checks.map((check, place) => {
  const { name, found, passes: when } = explainCheck(check, language)
  const decided = place === decidedBy
  return html`<li class="${check.passed ? 'passed' : 'failed'}${decided && ' decided'}"><span class="mark" aria-hidden="true">${check.passed ? '✓' : '✗'}</span>
<div><p><span class="unseen">${t(check.passed ? 'checkPassed' : 'checkFailed')}: </span><strong>${name}</strong>${decided && html` <span class="tag bad">${t('thisDecided')}</span>`}</p>
<p>${found}${when && html` — ${when}`}</p>
<details><summary>${t('inputs')}</summary><code class="inputs">${JSON.stringify(check)}</code></details></div></li>`
})}</ol></section>
<section class="card"><h2>${t('call')}</h2>
${toFacts([
  [t('decisionId'), html`<code>${decision.id}</code>`], [t('when'), toTime(new Date(decision.at).toISOString(), language)],
  [t('application'), decision.application && html`<a href="/applications/${encodeURIComponent(decision.application)}">${decision.application}</a>`],
  [t('organisation'), decision.organisation], [t('api'), decision.api && html`<a href="/apis/${encodeURIComponent(decision.api)}">${decision.api}</a>`], [t('plan'), decision.plan],
  [t('call'), decision.method && html`${decision.method} <code>${decision.route}</code>`], [t('address'), decision.ip],
  [t('node'), decision.nodeType === gatewayLimitType ? t('gatewayLimit') : decision.node === undefined ? decision.nodeType : html`${decision.nodeName ?? decision.nodeType} <code class="soft">${decision.node}</code>`],
  [t('gateway'), gateway],
])}</section>`
}

/** The register of faults speaks English to programs; people of the other language read the remedy. */
function titleOf(code: string, language: 'en' | 'zh-TW'): string {
  return (language === 'en' ? undefined : lookUp<string>(titles, code)) ?? lookUp<{ readonly title: string }>(faults, code)?.title ?? code
}

const titles: Readonly<Record<keyof typeof refusalRemedies, string>> = {
  'request.invalid': '請求不符', 'body.unsupported': '不支援的內容類型', 'body.malformed': '本文格式錯誤', 'schema.work': '檢查量過大',
  'ip.denied': '位址不允許', 'auth.missing': '需要憑證', 'auth.required': '此 API 未公開', 'auth.invalid_key': 'API 金鑰無效', 'auth.invalid_login': '使用者名稱或密碼錯誤',
  'auth.invalid_token': '權杖無效', 'auth.expired': '憑證已到期', 'auth.revoked': '憑證已撤銷', 'auth.signature': '簽章無效', 'auth.replayed': '請求重複送出', 'auth.certificate': '不認得的用戶端憑證',
  'auth.unknown_client': '不認得的用戶端', 'auth.scope': '缺少權限範圍', 'auth.clearance': '缺少許可等級', 'detoken.denied': '不得檢視受保護資料', 'verify.too_many': '核對次數過多', 'auth.not_subscribed': '尚未訂閱', 'auth.subscription_inactive': '訂閱未生效',
  'auth.too_many_attempts': '登入失敗次數過多', 'auth.unavailable': '暫時無法驗證憑證', 'client.disabled': '應用程式已停用', 'client.rules': '用戶端規則無法讀取', 'plan.not_yet_valid': '尚未生效',
  'plan.expired': '已失效', 'plan.hours': '不在服務時間內', 'api.not_published': 'API 尚未發布', 'api.blocked': 'API 已封鎖', 'api.retired': 'API 已退役', 'api.sunset': 'API 已終止服務',
  'quota.exceeded': '配額已用完', 'spike.exceeded': '呼叫過於密集', 'concurrency.exceeded': '同時呼叫數過多', 'state.unavailable': '共用狀態無法使用', 'limit.no_plan': '沒有方案', 'queue.full': '等候者過多', 'queue.evicted': '等候者過多', 'queue.hopeless': '等候時間將過長', 'queue.expired': '等候逾時', 'queue.closed': '佇列已關閉', 'queue.self': '會等到自己', 'queue.unavailable': '無法分配順位', 'session.none': '沒有工作階段',
  'session.expired': '工作階段已到期', 'session.limit': '工作階段過多', 'idem.missing': '缺少防重複鍵', 'idem.invalid': '防重複鍵無效', 'idem.conflict': '同一筆請求進行中', 'idem.mismatch': '防重複鍵已用於其他請求', 'idem.not_kept': '請求已執行',
}
