import { say, sayings, sayRemedy, type LedgerAnchorInfo, type LedgerEntry, type LedgerInfo, type LedgerVerdict, type LedgerWitness } from '../../../control/contract.ts'
import { fill } from '../../../runtime/core/saying.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import { toTime } from '../../time.ts'
import type { Exchange } from '../../web/exchange.ts'
import { sendText } from '../../web/reply.ts'
import type { PageRoute } from '../../web/router.ts'
import { toPager } from './record-pages.ts'
import { openView, sendPage, toFacts, type View } from './view.ts'

/** Records of one step of the verification that a page follows; its script asks for them one after the other. */
const stepEntries = 5000

/** Ledgers: what is in them, how far they are signed and witnessed, whether they are whole, and proofs to take away. */
export function ledgerRoutes({ control }: PortalOptions): PageRoute[] {
  const { consumers, ledgers } = control

  async function showAll(exchange: Exchange): Promise<void> {
    const view = await openView(exchange, consumers)
    const { t, by } = view
    const all = await ledgers.list(by)
    const [{ keyId }, witnesses] = await Promise.all([ledgers.key(by), ledgers.witnesses(by)])
    const body = html`<h1>${t('ledgers')}</h1><p class="soft">${t('ledgersIntro')}</p>
${all.length === 0
  ? html`<p>${t('ledgerNone')}</p>`
  : html`<div class="scroll card"><table aria-label="${t('ledgers')}"><thead><tr><th scope="col">${t('ledger')}</th><th scope="col" class="number">${t('ledgerEntries')}</th><th scope="col" class="number">${t('ledgerOpen')}</th><th scope="col">${t('ledgerSignedAt')}</th><th scope="col">${t('ledgerWitnesses')}</th><th scope="col">${t('ledgerVerify')}</th></tr></thead>
<tbody>${all.map((one) => html`<tr><th scope="row"><a href="/ledgers/${one.name}">${one.name}</a>${one.organisation && html`<br><span class="soft">${one.organisation}</span>`}</th><td class="number">${one.entries}</td><td class="number">${one.open}</td><td>${one.lastPeriod ? toTime(one.lastPeriod.closedAt, exchange.language) : '—'}</td><td>${toState(one, view)}</td><td>${toVerify(one, view)}</td></tr>`)}</tbody></table></div>`}
<h2>${t('ledgerWitnesses')}</h2>
<div class="scroll card"><table aria-label="${t('ledgerWitnesses')}"><thead><tr><th scope="col">${t('ledgerWitness')}</th><th scope="col" class="number">${t('ledgerWaiting')}</th><th scope="col">${t('ledgerState')}</th></tr></thead>
<tbody>${witnesses.map((one) => html`<tr><th scope="row"><code class="wrap">${one.anchor}</code></th><td class="number">${one.waiting}</td><td>${toWitnessState(one, view)}</td></tr>`)}</tbody></table></div>
<section class="card"><h2>${t('ledgerKey')}</h2><p class="soft">${t('ledgerKeyHint')}</p><p><code>${keyId}</code> <a class="button" href="/ledger-key.pem" download>${t('downloadLedgerKey')}</a></p></section>${toSayings(view)}`
    sendPage(view, 'ledgers', { title: t('ledgers'), body })
  }

  async function showOne(exchange: Exchange, name: string, verify: boolean): Promise<void> {
    const view = await openView(exchange, consumers)
    const { t, by } = view
    const cursor = exchange.url.searchParams.get('cursor')
    const verdict = verify ? await ledgers.verify(name, {}, by) : undefined
    const one = await ledgers.get(name, by)
    const page = await ledgers.entries(name, { limit: 50, ...(cursor === null ? {} : { cursor }) }, by)
    const body = html`<div class="head"><h1>${t('ledger')} ${name}</h1><div class="row">${toVerify(one, view)}<a class="button" href="/ledgers/${name}/export">${t('ledgerExport')}</a></div></div>
${one.problem !== undefined && html`<p class="notice bad" role="alert">${t('ledgerUnsigned')} ${one.why ? say(one.why, exchange.language) : one.problem}</p>`}
${toFacts([
  [t('organisation'), one.organisation ?? ''], [t('ledgerEntries'), one.entries], [t('ledgerOpen'), one.open], [t('ledgerPeriods'), one.lastPeriod?.period ?? 0],
  [t('ledgerSignedAt'), one.lastPeriod && toTime(one.lastPeriod.closedAt, exchange.language)],
])}
<div class="scroll card"><table aria-label="${t('ledgerWitnesses')}"><thead><tr><th scope="col">${t('ledgerWitness')}</th><th scope="col">${t('ledgerWitnessed')}</th><th scope="col" class="number">${t('ledgerWaiting')}</th><th scope="col">${t('ledgerState')}</th></tr></thead>
<tbody>${one.anchors.map((anchor) => html`<tr><th scope="row"><code class="wrap">${anchor.anchor}</code></th><td>${anchor.period ?? '—'}${anchor.at && html`<br><span class="soft">${toTime(anchor.at, exchange.language)}</span>`}</td><td class="number">${anchor.waiting}</td><td>${toAnchorState(anchor, view)}</td></tr>`)}</tbody></table></div>
${page.items.length === 0
  ? html`<p>${t('nothingFound')}</p>`
  : html`<div class="scroll card"><table class="log" aria-label="${t('ledgerEntries')}"><thead><tr><th scope="col">${t('number')}</th><th scope="col">${t('when')}</th><th scope="col">${t('ledgerProof')}</th><th scope="col">${t('ledgerValue')}</th><th scope="col">${t('ledgerSource')}</th></tr></thead>
<tbody>${page.items.map((entry) => toRow(entry, view))}</tbody></table></div>`}
${toPager(exchange.url, page.next, t)}${toSayings(view)}`
    sendPage(view, 'ledgers', { title: `${t('ledger')} ${name}`, body, ...(verdict ? { notice: { kind: verdict.ok ? 'good' : 'bad', text: toSentence(verdict, view) } } : {}) })
  }

  async function sendProof(exchange: Exchange, name: string, number: string): Promise<void> {
    const { by } = await openView(exchange, consumers)
    const proof = await ledgers.prove(name, Number(number), by)
    exchange.response.setHeader('content-disposition', `attachment; filename="${name}-${Number(number)}.proof.json"`)
    sendText(exchange.response, 200, 'application/json; charset=utf-8', `${JSON.stringify(proof, undefined, 2)}\n`)
  }

  async function sendExport(exchange: Exchange, name: string): Promise<void> {
    const { response } = exchange
    const { by } = await openView(exchange, consumers)
    let page = await ledgers.exportPage(name, undefined, by)
    response.writeHead(200, { 'content-type': 'application/jsonl; charset=utf-8', 'content-disposition': `attachment; filename="${name}.ledger.jsonl"` })
    for (;;) {
      const ready = response.write(page.lines.map((line) => `${line}\n`).join(''))
      if (page.next === undefined || response.destroyed) break
      if (!ready) await new Promise<void>((resolve) => response.once('drain', resolve).once('close', resolve))
      page = await ledgers.exportPage(name, page.next, by)
    }
    response.end()
  }

  async function sendKey(exchange: Exchange): Promise<void> {
    const { by } = await openView(exchange, consumers)
    sendText(exchange.response, 200, 'application/x-pem-file', (await ledgers.key(by)).publicKey)
  }

  return [
    { method: 'GET', path: '/ledgers', access: 'signed-in', handle: showAll },
    { method: 'GET', path: '/ledger-key.pem', access: 'signed-in', handle: sendKey },
    { method: 'GET', path: '/ledgers/:name', access: 'signed-in', handle: (exchange, { name }) => showOne(exchange, name!, false) },
    { method: 'POST', path: '/ledgers/:name', access: 'signed-in', handle: (exchange, { name }) => showOne(exchange, name!, true) },
    { method: 'GET', path: '/ledgers/:name/export', access: 'signed-in', handle: (exchange, { name }) => sendExport(exchange, name!) },
    { method: 'GET', path: '/ledgers/:name/proof/:number', access: 'signed-in', handle: (exchange, { name, number }) => sendProof(exchange, name!, number!) },
  ]
}

/** A button that verifies; with the pages' script it goes part by part, and says how far it is. */
function toVerify({ name, entries }: LedgerInfo, { t }: View): Html {
  return html`<form method="post" action="/ledgers/${name}" data-verify="/api/v1/ledgers/${name}/verify" data-entries="${entries}" data-step="${stepEntries}" data-good="${t('ledgerGood')}" data-bad="${t('ledgerBad')}" data-going="${t('ledgerVerifying')}" data-failed="${t('ledgerFailed')}"><button class="primary" aria-label="${t('ledgerVerify')}: ${name}">${t('ledgerVerify')}</button> <output aria-live="polite"></output></form>`
}

/** Sentences for the script that verifies, in the reader's language; in English the answers bring them. */
function toSayings({ exchange: { language } }: View): Html | false {
  return language !== 'en' && html`<div hidden data-sayings="${JSON.stringify(Object.fromEntries(Object.entries(sayings).map(([code, text]) => [code, text[language]])))}"></div>`
}

function toState({ problem, anchors }: LedgerInfo, { t }: View): Html {
  const waiting = anchors.reduce((sum, anchor) => sum + anchor.waiting, 0)
  const bad = problem !== undefined || anchors.some((anchor) => anchor.problem !== undefined)
  return html`<span class="tag ${bad ? 'bad' : 'good'}">${t(bad ? 'ledgerTroubled' : 'ledgerWell')}</span>${waiting > 0 && html` ${t('ledgerWaiting')} ${waiting}`}`
}

function toAnchorState({ problem, why, since }: LedgerAnchorInfo, { t, exchange: { language } }: View): Html {
  if (problem === undefined) return html`<span class="tag good">${t('ledgerWell')}</span>`
  return html`<span class="tag bad">${t('ledgerTroubled')}</span> ${why ? say(why, language) : problem}${since && html`<br><span class="soft">${t('ledgerAwaySince')} ${toTime(since, language)}</span>`}`
}

function toWitnessState({ away }: LedgerWitness, { t, exchange: { language } }: View): Html {
  if (!away) return html`<span class="tag good">${t('ledgerWell')}</span>`
  return html`<span class="tag bad">${t('ledgerTroubled')}</span> ${say(away.why, language)}<br><span class="soft">${t('ledgerAwaySince')} ${toTime(away.since, language)} · ${t('ledgerNextTry')} ${toTime(away.nextTryAt, language)}</span>`
}

function toSentence(verdict: LedgerVerdict, { t, exchange }: View): string {
  const { from, to, periods, receipts, flaw } = verdict
  const remarks = (verdict.remarks ?? []).map((remark) => say(remark, exchange.language))
  if (!flaw) return [fill(t('ledgerGood'), { from, to, periods, receipts }), ...remarks].join(' ')
  return fill(t('ledgerBad'), { number: flaw.last !== undefined && flaw.last > flaw.number ? `${flaw.number}–${flaw.last}` : flaw.number, reason: say(flaw, exchange.language), remedy: sayRemedy(flaw.kind, exchange.language) })
}

function toRow({ ledger, number, at, value, source, hash }: LedgerEntry, { t, exchange }: View): Html {
  return html`<tr><th scope="row">${number}<br><code class="soft" title="${hash}">${hash.slice(0, 8)}</code></th><td>${toTime(at, exchange.language)}</td><td><a href="/ledgers/${ledger}/proof/${number}" download title="${t('ledgerProofHint')}" aria-label="${t('ledgerProof')} ${number}">${t('ledgerProof')}</a></td>
<td>${drawJson(value)}</td><td>${drawJson(source, nameOf(source))}</td></tr>`
}

/** Of a value that is longer, this much stands in the row; opened, all of it, line by line. */
const shownCharacters = 60

function drawJson(value: unknown, name?: string): Html {
  const text = JSON.stringify(value)
  if (name === undefined && text.length <= shownCharacters) return html`<code class="wrap">${text}</code>`
  return html`<details><summary>${name ?? html`<code class="wrap">${text.slice(0, shownCharacters)}…</code>`}</summary><pre><code>${JSON.stringify(value, undefined, 2)}</code></pre></details>`
}

/** Who wrote a record, in short: a person, or a node of a flow. */
function nameOf(source: unknown): string | undefined {
  const { user, flow, node } = Object(source) as { readonly user?: unknown; readonly flow?: unknown; readonly node?: unknown }
  return typeof user === 'string' ? user : typeof flow === 'string' ? `${flow} · ${String(node)}` : undefined
}
