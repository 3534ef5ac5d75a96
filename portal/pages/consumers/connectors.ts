import type { Connector, ConnectorInput, ConnectorState, ConnectorStatus, FetchResult, Refused } from '../../../control/contract.ts'
import { fill } from '../../../runtime/core/saying.ts'
import { defined, toNumber, toText } from '../../forms/form-values.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import type { TextKey } from '../../texts.ts'
import { toTime } from '../../time.ts'
import { readForm } from '../../web/body.ts'
import type { Exchange } from '../../web/exchange.ts'
import { redirect, toRefused } from '../../web/reply.ts'
import type { PageRoute } from '../../web/router.ts'
import { actButton, recordPages, toVersion, type Fresh, type RecordPages } from './record-pages.ts'
import { sayProblem, sayRefusal } from '../../refusals.ts'
import { choicesOf, openView, toFacts, type T, type View } from './view.ts'

const stateTexts: Readonly<Record<ConnectorState, TextKey>> = {
  new: 'connectorNew', ok: 'connectorOk', unreachable: 'connectorUnreachable', invalid: 'connectorInvalid', held: 'connectorHeld', off: 'connectorOff',
}
const signIns = ['none', 'bearer', 'basic'] as const
const missings = ['suspend', 'retire', 'keep'] as const
const shownRows = 100

/** What a map looks like, for whoever begins with one. */
const exampleMap = {
  list: '/partners', next: '/next', id: '/id', name: '/name', active: '/active', attributes: { branch: '/branch' },
  credentials: [{ kind: 'certificate', each: '/certificates', fingerprint: '/sha256' }], subscriptions: [{ to: 'api', each: '/apis', defaultPlan: 'free' }],
}

const pages: RecordPages<Connector, ConnectorInput> = {
  path: '/connectors', tab: 'connectors', intro: 'connectorsIntro', one: 'connector', add: 'addConnector', edit: 'editConnector',
  records: (consumers) => consumers.connectors,
  mayWrite: (view, record) => (record ? view.may('connectors.write', record.organisation) : view.mayAnywhere('connectors.write')),
  retires: true,
  filters: { organisation: true, states: [{ value: 'active', text: 'active' }, { value: 'suspended', text: 'suspended' }] },
  columns: [
    { head: 'organisation', cell: ({ organisation }) => html`<a href="/organisations/${organisation}">${organisation}</a>` },
    { head: 'connectorUrl', cell: ({ url }) => html`<code>${new URL(url).host}</code>` },
    { head: 'state', cell: ({ active }, { t }) => html`<span class="tag ${active ? 'good' : 'bad'}">${t(active ? 'active' : 'connectorOff')}</span>` },
  ],
  initial: () => ({ map: JSON.stringify(exampleMap, null, 2), active: 'yes', everySeconds: '30', maxDropPercent: '20' }),
  toFields: (record) => new URLSearchParams({
    name: record.name, organisation: record.organisation, description: record.description ?? '', ...(record.active ? { active: 'yes' } : {}), url: record.url, everySeconds: String(record.everySeconds), timeoutMs: String(record.timeoutMs),
    limitBytes: String(record.limitBytes), 'auth.kind': record.auth.kind, 'auth.user': record.auth.user ?? '', tls: record.tls ?? '', idPrefix: record.idPrefix, onMissing: record.onMissing,
    maxDropPercent: String(Math.round(record.maxDropShare * 1000) / 10), map: JSON.stringify(record.map, null, 2),
  }),
  toInput(fields) {
    const user = toText(fields, 'auth.user')
    const percent = toNumber(fields, 'maxDropPercent')
    return {
      name: toText(fields, 'name') ?? '', organisation: toText(fields, 'organisation') ?? '', url: toText(fields, 'url') ?? '', active: fields.get('active') === 'yes',
      auth: { kind: (fields.get('auth.kind') ?? 'none') as NonNullable<ConnectorInput['auth']>['kind'], ...(user === undefined ? {} : { user }) },
      onMissing: (fields.get('onMissing') ?? 'suspend') as NonNullable<ConnectorInput['onMissing']>,
      map: toMap(fields.get('map') ?? ''),
      ...defined({
        description: toText(fields, 'description'), everySeconds: toNumber(fields, 'everySeconds'), timeoutMs: toNumber(fields, 'timeoutMs'), limitBytes: toNumber(fields, 'limitBytes'), tls: toText(fields, 'tls'),
        idPrefix: fields.has('idPrefix') ? toText(fields, 'idPrefix') : undefined, maxDropShare: typeof percent === 'number' ? percent / 100 : percent,
      }),
    }
  },
  async drawFields(form, _fields, { t, by, consumers }, record) {
    const organisations = await choicesOf(consumers.organisations, by)
    return html`${form.input('name', t('name'), { required: true, maxLength: 120 })}
${form.select('organisation', t('organisation'), organisations)}
${form.area('description', t('description'))}
${form.input('url', t('connectorUrl'), { required: true, maxLength: 2000, hint: t('connectorUrlHint') })}
${form.check('active', t('connectorActive'), { hint: t('connectorActiveHint') })}
<div class="pair">${form.input('everySeconds', t('everySeconds'), { type: 'number', min: 1, max: 86_400 })}${form.input('timeoutMs', t('requestTimeout'), { type: 'number', min: 100 })}${form.input('limitBytes', t('largestAnswer'), { type: 'number', min: 1024 })}</div>
${form.group('auth', t('connectorSignIn'), html`<div class="pair">${form.select('auth.kind', t('method'), signIns.map((value) => ({ value, text: t(`signIn_${value}`) })))}${form.input('auth.user', t('user'), { maxLength: 200, hint: t('basicOnly') })}</div>
${form.input('tls', t('connectorTls'), { maxLength: 64, hint: t('connectorTlsHint') })}`, t('connectorSignInHint'))}
<div class="pair">${form.select('onMissing', t('onMissing'), missings.map((value) => ({ value, text: t(`missing_${value}`) })))}${form.input('maxDropPercent', t('maxDrop'), { type: 'number', min: 0, max: 100, fractions: true, hint: t('maxDropHint') })}</div>
${form.input('idPrefix', t('idPrefix'), { maxLength: 40, hint: t('idPrefixHint') })}
${form.area('map', t('connectorMap'), { required: true, rows: record ? 24 : 22, hint: t('connectorMapHint') })}`
  },
  async draw(record, view, fresh) {
    const { t, by, consumers, exchange } = view
    const status = await consumers.connectors.status(record.id, by)
    const mayWrite = record.retiredAt === undefined && view.may('connectors.write', record.organisation)
    const at = `/connectors/${encodeURIComponent(record.id)}`
    return html`<section class="card"><div class="head"><h2>${t('connectorState')}</h2>${mayWrite && html`<div class="row">${actButton(`${at}/preview`, record.version, t('previewFetch'))}${actButton(`${at}/fetch`, record.version, t('fetchNow'), { kind: 'primary' })}</div>`}</div>
${drawStatus(status, t, exchange)}
${status.state === 'held' && mayWrite && html`<p>${t('heldExplain')}</p>${actButton(`${at}/fetch`, record.version, t('fetchForce'), { kind: 'danger', hidden: { force: 'yes' } })}`}
<p class="row"><a class="button" href="/applications?organisation=${record.organisation}&amp;search=${encodeURIComponent(record.idPrefix)}">${t('itsApplications')}</a></p></section>
<section class="card"><h2>${t('connector')}</h2>${toFacts([
  [t('organisation'), html`<a href="/organisations/${record.organisation}">${record.organisation}</a>`], [t('connectorUrl'), html`<code>${record.url}</code>`], [t('everySeconds'), record.everySeconds], [t('requestTimeout'), record.timeoutMs],
  [t('largestAnswer'), record.limitBytes], [t('connectorSignIn'), html`${t(`signIn_${record.auth.kind}`)}${record.auth.user && html` <code>${record.auth.user}</code>`}`], [t('connectorTls'), record.tls && html`<code>${record.tls}</code>`],
  [t('onMissing'), t(`missing_${record.onMissing}`)], [t('maxDrop'), `${Math.round(record.maxDropShare * 1000) / 10} %`], [t('idPrefix'), record.idPrefix && html`<code>${record.idPrefix}</code>`],
  [t('trusted'), t(record.trusted ? 'trustedYes' : 'trustedNo')], [t('description'), record.description],
])}
<h3>${t('connectorMap')}</h3><pre class="scroll"><code>${JSON.stringify(record.map, null, 2)}</code></pre></section>
${mayWrite && record.auth.kind !== 'none' && drawSecret(record, at, t, fresh)}`
  },
}

/** What was typed when it is no JSON, so that whoever checks the record says so. */
function toMap(text: string): ConnectorInput['map'] {
  try {
    return JSON.parse(text) as ConnectorInput['map']
  } catch {
    return text as never
  }
}

function drawStatus(status: ConnectorStatus, t: T, { language }: Exchange): Html {
  const time = (iso: string | undefined) => iso && toTime(iso, language)
  return html`${toFacts([
    [t('state'), html`<span class="tag ${status.state === 'ok' ? 'good' : status.state === 'new' || status.state === 'off' ? '' : 'bad'}">${t(stateTexts[status.state])}</span>`],
    [t('partnersInForce'), status.partners],
    [t('fetchedAt'), status.fetchedAt && html`${time(status.fetchedAt)} <span class="soft">${fill(t('secondsAgo'), { seconds: status.ageSeconds ?? 0 })}</span>`],
    [t('attemptedAt'), time(status.attemptedAt)], [t('changedAt'), time(status.changedAt)], [t('nextFetch'), time(status.nextAt)], [t('failuresInRow'), status.failures > 0 && status.failures],
  ])}
${status.problem && drawProblem(status.problem, t)}`
}

function drawProblem(failed: Failure, t: T): Html {
  const placed = failed.problems.filter(({ pointer }) => pointer !== undefined)
  return html`<div class="notice bad"><p>${sayFailure(failed, t)}</p>${placed.length > 0 && html`<div class="scroll"><table aria-label="${t('problems')}"><thead><tr><th scope="col">${t('place')}</th><th scope="col">${t('whatIsWrong')}</th></tr></thead>
<tbody>${placed.slice(0, shownRows).map((one) => html`<tr><td><code>${one.pointer || '/'}</code></td><td>${sayProblem(one, t)}</td></tr>`)}</tbody></table></div>`}</div>`
}

type Failure = Pick<Refused, 'code' | 'message' | 'problems'>

/** In one sentence: the one thing that is wrong, or how many are. */
function sayFailure({ code, message, problems: [only, ...more] }: Failure, t: T): string {
  if (!only) return sayRefusal({ code, message, facts: {} }, t)
  return more.length > 0 ? fill(t('partnerSeveral'), { count: more.length + 1 }) || message : sayRefusal({ code: only.code, message, facts: only.facts ?? {} }, t)
}

function drawSecret(record: Connector, at: string, t: T, fresh?: Fresh): Html {
  const problem = fresh?.form?.name === 'secret' ? fresh.form.problems[0]?.text : undefined
  return html`<section class="card" aria-labelledby="secret"><h2 id="secret">${t('connectorSecret')}</h2><p>${t(record.hasSecret ? 'secretIsSet' : 'secretIsMissing')}</p>
<form method="post" action="${at}/secret" class="record"><input type="hidden" name="version" value="${record.version}">
<div class="field"><label for="f-secret">${t('connectorSecret')}</label><input type="password" id="f-secret" name="secret" autocomplete="new-password" maxlength="4000"${problem && html` aria-invalid="true"`} aria-describedby="f-secret-hint${problem && ' f-secret-error'}"><p class="hint" id="f-secret-hint">${t('connectorSecretHint')}</p>${problem && html`<p class="error" id="f-secret-error">${problem}</p>`}</div>
<p><button class="primary">${t('save')}</button></p></form></section>`
}

function drawResult(result: FetchResult, t: T): Html {
  const words = { add: t('changeAdd'), change: t('changeChange'), retire: t('changeRetire'), restore: t('changeRestore') }
  return html`<section class="card" aria-labelledby="preview"><h2 id="preview">${t('previewTitle')}</h2><p>${fill(t('fetchSummary'), { partners: result.partners, changes: result.changeCount, dropped: result.dropped })}</p>
${result.changes.length > 0 && html`<div class="scroll"><table aria-label="${t('previewTitle')}"><thead><tr><th scope="col">${t('recordId')}</th><th scope="col">${t('whatHappens')}</th><th scope="col">${t('staleField')}</th></tr></thead>
<tbody>${result.changes.slice(0, shownRows).map(({ kind, id, change, fields }) => html`<tr><th scope="row">${t(kind)} <code>${id}</code></th><td>${words[change]}</td><td>${change === 'change' && fields.map(({ pointer, before, after }) => html`<code>${pointer}</code>: ${JSON.stringify(before) ?? '–'} → ${JSON.stringify(after) ?? '–'}<br>`)}</td></tr>`)}</tbody></table></div>
${result.changeCount > shownRows && html`<p class="soft">${fill(t('andMore'), { count: result.changeCount - shownRows })}</p>`}`}</section>`
}

/** Connectors to partner services: where they ask, how that goes, and what it would bring. */
export function connectorRoutes({ control }: PortalOptions): PageRoute[] {
  const { consumers } = control
  const { routes, show } = recordPages(consumers, pages)

  /** Fetches and says on the connector's page how it went; a service that is down is no fault of the page. */
  async function fetchAndShow(exchange: Exchange, id: string, dryRun: boolean): Promise<void> {
    const view = await openView(exchange, consumers)
    const form = await readForm(exchange.request)
    try {
      const result = await consumers.connectors.fetch(id, { dryRun, force: form.get('force') === 'yes' }, view.by)
      const record = await consumers.connectors.get(id, view.by)
      const notice = { kind: 'good', text: fill(view.t(result.unchanged ? 'fetchUnchanged' : dryRun ? 'previewDone' : 'fetchDone'), { changes: result.changeCount }) } as const
      await show(view, record, { notice, ...(dryRun ? { fresh: { box: drawResult(result, view.t) } } : {}) })
    } catch (thrown) {
      const refused = toRefused(thrown)
      if (!refused.code.startsWith('connector.')) throw thrown
      const box = dryRun ? { fresh: { box: drawProblem(refused, view.t) } } : {}
      await show(view, await consumers.connectors.get(id, view.by), { status: refused.status === 502 ? 200 : refused.status, notice: { kind: 'bad', text: `${view.t('fetchFailed')} ${sayFailure(refused, view.t)}` }, ...box })
    }
  }

  return [
    ...routes,
    // Whoever changes the language, or comes back, on the answer to an act.
    ...['fetch', 'preview', 'secret'].map((act): PageRoute => ({ method: 'GET', path: `/connectors/:id/${act}`, access: 'signed-in', handle: async (exchange, { id }) => redirect(exchange.response, `/connectors/${encodeURIComponent(id!)}`) })),
    { method: 'POST', path: '/connectors/:id/fetch', access: 'signed-in', handle: (exchange, { id }) => fetchAndShow(exchange, id!, false) },
    { method: 'POST', path: '/connectors/:id/preview', access: 'signed-in', handle: (exchange, { id }) => fetchAndShow(exchange, id!, true) },
    {
      method: 'POST', path: '/connectors/:id/secret', access: 'signed-in',
      async handle(exchange, { id }) {
        const view: View = await openView(exchange, consumers)
        const fields = await readForm(exchange.request)
        const secret = fields.get('secret') ?? ''
        try {
          const record = await consumers.connectors.setSecret(id!, secret === '' ? null : secret, toVersion(fields), view.by)
          await show(view, record, { notice: { kind: 'good', text: view.t('recordSaved') } })
        } catch (thrown) {
          const refused = toRefused(thrown)
          if (refused.status >= 500 || refused.status === 404) throw thrown
          const problems = [{ at: 'secret', text: sayRefusal(refused, view.t) }]
          // What was typed is a secret: it is not shown again.
          await show(view, await consumers.connectors.get(id!, view.by), { status: refused.status, notice: { kind: 'bad', text: sayRefusal(refused, view.t) }, fresh: { form: { name: 'secret', fields: new URLSearchParams(), problems } } })
        }
      },
    },
  ]
}
