import { Refused, type GatewayInfo, type LineAct, type Queue } from '../../control/contract.ts'
import { isPriority, priorities, type Priority } from '../../runtime/core/lines/priority.ts'
import { html, type Html } from '../html.ts'
import { layout } from '../layout.ts'
import type { PortalOptions } from '../portal.ts'
import { translator, type TextKey } from '../texts.ts'
import { readForm } from '../web/body.ts'
import { toActor, type Exchange } from '../web/exchange.ts'
import { redirect, sendHtml } from '../web/reply.ts'
import type { PageRoute } from '../web/router.ts'

const gatewayLine = '*gateway'
const classes = Array.from({ length: priorities }, (_, at) => at)

/** Where calls wait for their turn: how many of each priority on each gateway, and what an operator may do about it. */
export function queueRoutes({ control }: PortalOptions): PageRoute[] {
  async function show(exchange: Exchange): Promise<void> {
    const t = translator(exchange.language)
    const [queues, gateways] = await Promise.all([control.queues.list(toActor(exchange)), control.gateways.list()])
    const body = html`<h1>${t('queues')}</h1>
<p class="soft">${t('queuesIntro')}</p>
<div id="queues" data-refresh="2000">${queues.length === 0 ? html`<p>${t('noQueues')}</p>` : queues.map((queue) => drawQueue(queue, gateways, t))}</div>
${queues.length > 0 && html`<section class="card"><h2>${t('moveWaiting')}</h2><p class="soft">${t('moveWaitingHint')}</p>
<form method="post" action="/queues/move" class="row"><label>${t('queue')}<select name="queue">${queues.map(({ name }) => html`<option value="${name}">${nameOf(name, t)}</option>`)}</select></label>
<label>${t('fromPriority')}<select name="from">${classes.map((at) => html`<option${at === 9 && html` selected`}>${at}</option>`)}</select></label>
<label>${t('toPriority')}<select name="to">${classes.map((at) => html`<option${at === 5 && html` selected`}>${at}</option>`)}</select></label><button>${t('move')}</button></form></section>`}`
    sendHtml(exchange.response, 200, layout(exchange, { title: t('queues'), section: 'queues', body }))
  }

  async function act(exchange: Exchange, wanted: string): Promise<void> {
    const fields = await readForm(exchange.request)
    await control.queues.act(String(fields.get('queue') ?? ''), toAct(wanted, fields), toActor(exchange))
    redirect(exchange.response, '/queues')
  }

  return [
    { method: 'GET', path: '/queues', access: 'signed-in', handle: show },
    { method: 'POST', path: '/queues/:act', access: 'signed-in', handle: (exchange, { act: wanted }) => act(exchange, wanted!) },
  ]
}

function toAct(wanted: string, fields: URLSearchParams): LineAct {
  if (wanted === 'pause' || wanted === 'resume' || wanted === 'drain') return { act: wanted }
  const [from, to] = [Number(fields.get('from') ?? Number.NaN), Number(fields.get('to') ?? Number.NaN)]
  if (wanted !== 'move' || !isPriority(from) || !isPriority(to)) throw new Refused('body.malformed', 400, 'A queue is paused, resumed, drained, or one of its priorities is moved to another.')
  return { act: 'move', from, to: to as Priority }
}

function nameOf(name: string, t: (key: TextKey) => string): string {
  return name === gatewayLine ? t('gatewayLimit') : name
}

function drawQueue(queue: Queue, gateways: readonly GatewayInfo[], t: (key: TextKey) => string): Html {
  const { name, scope, paused, waiting, underWay, longestWaitMs, expectedMs } = queue
  const most = Math.max(1, ...queue.gateways.flatMap((one) => one.waiting))
  const button = (act: 'pause' | 'resume' | 'drain', text: TextKey, kind = '') => html`<form method="post" action="/queues/${act}"><input type="hidden" name="queue" value="${name}"><button${kind && html` class="${kind}"`}>${t(text)}</button></form>`
  return html`<section class="card queue"><h2>${nameOf(name, t)} <span class="tag ${paused ? 'bad' : 'good'}">${t(paused ? 'paused' : 'running')}</span> <span class="tag">${t(scope === 'cluster' ? 'sharedByAll' : 'perGateway')}</span></h2>
<p>${sum(waiting)} ${t('waitingNow')} · ${underWay} ${t('underWay')} · ${t('longestWait')} ${toSeconds(longestWaitMs)}</p>
<div class="scroll"><table aria-label="${nameOf(name, t)}"><thead><tr><th scope="col">${t('gateway')}</th>${classes.map((at) => html`<th scope="col" class="number">${at}</th>`)}<th scope="col">${t('underWay')}</th></tr></thead>
<tbody>${queue.gateways.map((one) => html`<tr><th scope="row">${gateways.find(({ id }) => id === one.gateway)?.name ?? one.gateway}</th>${classes.map((at) => toBar(one.waiting[at] ?? 0, most, at, t))}<td>${sum(one.active)}${one.slots !== undefined && html` / ${one.slots}`}</td></tr>`)}
<tr><th scope="row">${t('wouldWait')}</th>${classes.map((at) => html`<td class="number soft">${paused ? '–' : toSeconds(expectedMs[at] ?? 0)}</td>`)}<td></td></tr></tbody></table></div>
<div class="row">${paused ? button('resume', 'resume', 'primary') : button('pause', 'pause')}${button('drain', 'drain', 'danger')}<span class="soft">${t('drainHint')}</span></div></section>`
}

function toBar(count: number, most: number, at: number, t: (key: TextKey) => string): Html {
  return html`<td class="number"><progress class="depth" value="${count}" max="${most}" aria-label="${t('priority')} ${at}"></progress>${count}</td>`
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}

function toSeconds(ms: number): string {
  return ms === 0 ? '0 s' : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
