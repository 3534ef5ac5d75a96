import { Refused, type AcceptedFlow, type AcceptedJob, type GatewayInfo, type JobAct } from '../../control/contract.ts'
import { html, type Html } from '../html.ts'
import { layout } from '../layout.ts'
import type { PortalOptions } from '../portal.ts'
import { translator, type TextKey } from '../texts.ts'
import { toTime } from '../time.ts'
import { readForm } from '../web/body.ts'
import { toActor, type Exchange } from '../web/exchange.ts'
import type { Language } from '../web/language.ts'
import { redirect, sendHtml } from '../web/reply.ts'
import type { PageRoute } from '../web/router.ts'

const states = ['failed', 'pending', 'running', 'done', 'expired', 'cancelled'] as const
type Shown = (typeof states)[number]

const stateTexts: Readonly<Record<Shown, TextKey>> = { failed: 'jobFailed', pending: 'jobPending', running: 'jobRunning', done: 'jobDone', expired: 'jobExpired', cancelled: 'jobCancelled' }
const most = 100

/** Accepted work: dead letters first, because somebody has to look at them. */
export function acceptedWorkRoutes({ control }: PortalOptions): PageRoute[] {
  async function show(exchange: Exchange): Promise<void> {
    const t = translator(exchange.language)
    const wanted = exchange.url.searchParams.get('state')
    const state = states.find((one) => one === wanted) ?? 'failed'
    const [jobs, flows, gateways] = await Promise.all([control.accepted.list({ state, limit: most }, toActor(exchange)), control.accepted.flows(toActor(exchange)), control.gateways.list()])
    const body = html`<h1>${t('jobs')}</h1>
<p class="soft">${t('jobsIntro')}</p>
<nav class="row" aria-label="${t('jobState')}">${states.map((one) => html`<a class="button${one === state && html` primary`}" href="/jobs?state=${one}"${one === state && html` aria-current="page"`}>${t(stateTexts[one])}</a>`)}</nav>
<div id="jobs" class="stack" data-refresh="3000">${jobs.length === 0 ? html`<p>${t('noJobs')}</p>` : drawJobs(jobs, state, gateways, exchange.language)}${flows.length > 0 && drawFlows(flows, state, t)}</div>`
    sendHtml(exchange.response, 200, layout(exchange, { title: t('jobs'), section: 'jobs', body }))
  }

  async function act(exchange: Exchange, wanted: string): Promise<void> {
    const fields = await readForm(exchange.request)
    if (wanted === 'pause' || wanted === 'resume') await control.accepted.actOnFlow(String(fields.get('flow') ?? ''), wanted, toActor(exchange))
    else if (wanted === 'cancel' || wanted === 'retry') await control.accepted.act(String(fields.get('job') ?? ''), wanted satisfies JobAct, toActor(exchange))
    else if (wanted === 'first') await control.accepted.move(String(fields.get('job') ?? ''), 0, toActor(exchange))
    else throw new Refused('body.malformed', 400, 'A job is cancelled, tried again or put first; the work of a flow is paused, or resumed.')
    const state = states.find((one) => one === fields.get('state')) ?? 'failed'
    redirect(exchange.response, `/jobs?state=${state}`)
  }

  return [
    { method: 'GET', path: '/jobs', access: 'signed-in', handle: show },
    { method: 'POST', path: '/jobs/:act', access: 'signed-in', handle: (exchange, { act: wanted }) => act(exchange, wanted!) },
  ]
}

function drawJobs(jobs: readonly AcceptedJob[], state: Shown, gateways: readonly GatewayInfo[], language: Language): Html {
  const t = translator(language)
  const button = (act: JobAct | 'first', id: string, text: TextKey, kind: string) => html`<form method="post" action="/jobs/${act}"><input type="hidden" name="job" value="${id}"><input type="hidden" name="state" value="${state}"><button${kind && html` class="${kind}"`} aria-label="${t(text)}: ${id}">${t(text)}</button></form>`
  const acts = (job: AcceptedJob) => {
    if (state === 'failed' || state === 'expired') return button('retry', job.id, 'jobRetry', 'primary')
    if (state === 'pending') return html`${job.priority !== 0 && button('first', job.id, 'jobFirst', '')}${job.attempt > 0 && button('retry', job.id, 'jobRetry', '')}${button('cancel', job.id, 'jobCancel', 'danger')}`
    return state === 'running' ? button('cancel', job.id, 'jobCancel', 'danger') : html``
  }
  return html`<div class="scroll card"><table aria-label="${t('jobs')}"><thead><tr><th scope="col">${t('jobId')}</th><th scope="col">${t('jobFlow')}</th><th scope="col">${t('jobAccepted')}</th><th scope="col">${t('jobAttempts')}</th><th scope="col">${t('jobReason')}</th><th scope="col">${t('gateway')}</th><th scope="col">${t('actions')}</th></tr></thead>
<tbody>${jobs.map((job) => html`<tr><td><code title="${job.id}">${job.id.slice(0, 16)}…</code></td><td>${job.flow} · ${job.node}${job.part !== undefined && html` (${job.part})`}${state === 'pending' && job.priority !== undefined && html`<br><span class="soft">${t('jobPriority')} ${job.priority}</span>`}</td><td>${toTime(new Date(job.acceptedAtMs).toISOString(), language)}</td><td>${job.attempt} / ${job.attempts}</td>
<td>${job.reason ? html`<code>${job.reason.code}</code> ${job.reason.message}` : (job.progress && html`${job.progress.percent !== undefined && html`${job.progress.percent} % `}${job.progress.text ?? ''}`)}</td><td>${gateways.find(({ id }) => id === job.gateway)?.name ?? job.gateway}</td><td><div class="row">${acts(job)}</div></td></tr>`)}</tbody></table></div>`
}

/** What each flow has, and the switch that holds it: for as long as a service behind it is away, say. */
function drawFlows(flows: readonly AcceptedFlow[], state: Shown, t: (key: TextKey) => string): Html {
  const button = ({ flow, paused }: AcceptedFlow) => html`<form method="post" action="/jobs/${paused ? 'resume' : 'pause'}"><input type="hidden" name="flow" value="${flow}"><input type="hidden" name="state" value="${state}"><button${paused && html` class="primary"`} aria-label="${t(paused ? 'resume' : 'pause')}: ${flow}">${t(paused ? 'resume' : 'pause')}</button></form>`
  return html`<section class="card"><h2>${t('jobFlows')}</h2><p class="soft">${t('jobFlowsHint')}</p>
<div class="scroll"><table aria-label="${t('jobFlows')}"><thead><tr><th scope="col">${t('flow')}</th><th scope="col">${t('jobState')}</th><th scope="col" class="number">${t('jobPending')}</th><th scope="col" class="number">${t('jobRunning')}</th><th scope="col" class="number">${t('jobFailed')}</th><th scope="col">${t('actions')}</th></tr></thead>
<tbody>${flows.map((one) => html`<tr><th scope="row">${one.flow}</th><td><span class="tag ${one.paused ? 'bad' : 'good'}">${t(one.paused ? 'paused' : 'running')}</span></td><td class="number">${one.pending}</td><td class="number">${one.running}</td><td class="number">${one.dead}</td><td>${button(one)}</td></tr>`)}</tbody></table></div></section>`
}
