import type { Consumers, PageQuery, RecordHead, Records, Refused, Right } from '../../../control/contract.ts'
import { fill } from '../../../runtime/core/saying.ts'
import { createFormView, type Choice, type Fields, type FormProblem, type FormView } from '../../forms/form-view.ts'
import { toText } from '../../forms/form-values.ts'
import { html, type Html, type HtmlValue } from '../../html.ts'
import type { Page } from '../../layout.ts'
import type { TextKey } from '../../texts.ts'
import { toTime } from '../../time.ts'
import { readForm } from '../../web/body.ts'
import type { Exchange } from '../../web/exchange.ts'
import { redirect, toRefused } from '../../web/reply.ts'
import type { PageRoute } from '../../web/router.ts'
import { sayRefusal, toFormProblems } from '../../refusals.ts'
import { choicesOf, openView, sendPage, type T, type View } from './view.ts'

/** A kind of record as pages show it: a list with search, a form, one record, and taking it out of use. */
export interface RecordPages<R extends RecordHead & { readonly name: string }, Input extends { readonly name: string }> {
  /** `/plans`: where its pages are. */
  readonly path: string
  readonly tab: TextKey
  readonly intro: TextKey
  readonly one: TextKey
  readonly add: TextKey
  readonly edit: TextKey
  records(consumers: Consumers): Pick<Records<R, Input>, 'list' | 'get' | 'create' | 'replace' | 'retire'>
  /** Whether the asker may change it; without a record: whether he may add one at all. */
  mayWrite(view: View, record?: R): boolean
  /** Stands beside the button that adds one. */
  actions?(view: View): Html
  /** Whether it may be retired by this page. */
  readonly retires: boolean
  readonly filters: { readonly organisation: boolean; readonly states?: readonly { readonly value: string; readonly text: TextKey }[] }
  readonly columns: readonly { readonly head: TextKey; cell(record: R, view: View): HtmlValue }[]
  toFields(record: R): Fields
  /** Puts in order what a browser sent, so that problems point at what is shown. */
  tidy?(fields: Fields): Fields
  toInput(fields: Fields): Input
  /** Fields that the form does not show and a change leaves as they are. */
  keep?(record: R): Partial<Input>
  /** What a new one begins with. */
  initial?(view: View): Record<string, string>
  drawFields(form: FormView, fields: Fields, view: View, record?: R): Promise<Html>
  /** One record below its head. `secret`: what is shown this once. */
  draw(record: R, view: View, fresh?: Fresh): Promise<Html>
}

/** What an act left behind that only the answer to it shows. */
export interface Fresh {
  readonly box?: Html
  /** The form that was refused, by name, with what stood in it. */
  readonly form?: { readonly name: string; readonly fields: Fields; readonly problems: readonly FormProblem[] }
}

export interface RecordRoutes<R> {
  readonly routes: PageRoute[]
  /** The page of one record, as the answer to an act upon it. */
  show(view: View, record: R, page?: Partial<Page> & { readonly status?: number; readonly fresh?: Fresh }): Promise<void>
  /** Does something to a record and goes back to it; a refusal is said there. */
  act(exchange: Exchange, id: string, done: TextKey, run: (view: View, form: Fields, version: number | undefined) => Promise<unknown>): Promise<void>
}

const notices: ReadonlySet<string> = new Set<TextKey>(['recordSaved', 'recordRetired', 'done', 'moveRequested', 'subscriptionDone'])

export function recordPages<R extends RecordHead & { readonly name: string }, Input extends { readonly name: string }>(
  consumers: Consumers, pages: RecordPages<R, Input>,
): RecordRoutes<R> {
  const { path, tab } = pages
  const records = pages.records(consumers)
  const at = (id: string) => `${path}/${encodeURIComponent(id)}`
  const view = (exchange: Exchange) => openView(exchange, consumers)

  async function showList(exchange: Exchange): Promise<void> {
    const of = await view(exchange)
    const { t } = of
    const { searchParams } = exchange.url
    if (searchParams.has('new')) return showForm(of, new URLSearchParams(pages.initial?.(of) ?? {}), {})
    const query: PageQuery = {
      limit: 50,
      ...pick(searchParams, 'search'), ...pick(searchParams, 'organisation'), ...pick(searchParams, 'state'), ...pick(searchParams, 'cursor'),
      ...(searchParams.has('retired') ? { retired: true } : {}),
    }
    const [page, organisations] = await Promise.all([records.list(query, of.by), pages.filters.organisation ? choicesOf(consumers.organisations, of.by) : []])
    const body = html`<div class="head"><h1>${t(pages.tab)}</h1>${pages.mayWrite(of) && html`<p class="row">${pages.actions?.(of)}<a class="button primary" href="${path}?new">${t(pages.add)}</a></p>`}</div>
<p class="soft">${t(pages.intro)}</p>
${searchForm(of, path, organisations, pages.filters.states)}
${page.items.length === 0
  ? html`<p>${t('nothingFound')}</p>`
  : html`<div class="scroll card"><table aria-label="${t(pages.tab)}"><thead><tr><th scope="col">${t('name')}</th>${pages.columns.map(({ head }) => html`<th scope="col">${t(head)}</th>`)}</tr></thead>
<tbody>${page.items.map((record) => html`<tr><th scope="row"><a href="${at(record.id)}">${record.name}</a>${record.name !== record.id && html`<br><code class="soft">${record.id}</code>`}${record.retiredAt && html` <span class="tag">${t('retired')}</span>`}</th>${pages.columns.map(({ cell }) => html`<td>${cell(record, of)}</td>`)}</tr>`)}</tbody></table></div>`}
${toPager(exchange.url, page.next, t)}`
    sendPage(of, tab, { title: t(pages.tab), body, ...noticeOf(exchange, t) })
  }

  async function showForm(of: View, fields: Fields, about: { readonly record?: R; readonly problems?: readonly FormProblem[]; readonly status?: number; readonly stale?: Html }): Promise<void> {
    const { t } = of
    const { record, problems = [] } = about
    const form = createFormView(fields, problems, t('optional'))
    const drawn = await pages.drawFields(form, fields, of, record)
    const title = record ? `${t(pages.edit)}: ${record.name}` : t(pages.add)
    const body = html`<h1>${title}</h1>${about.stale}
<form method="post" action="${record ? at(record.id) : path}" class="card record">
${'' /* Enter in a field saves: browsers press the first button, which would else be one that adds a row. */}<button class="unseen" name="act" value="save" tabindex="-1" aria-hidden="true">${t('save')}</button>
${form.summary(t('checkFields'))}
${record && html`<input type="hidden" name="version" value="${fields.get('version') ?? record.version}">`}
${drawn}
${!record && form.input('id', t('recordId'), { hint: t('recordIdHint'), maxLength: 64 })}
<p class="row"><button class="primary" name="act" value="save">${t('save')}</button><a class="button" href="${record ? at(record.id) : path}">${t('cancel')}</a></p></form>
${zones()}`
    sendPage(of, tab, { title, body, ...(about.status ? { status: about.status } : {}) })
  }

  /** Both: making one and changing one. Buttons that only add a row give the form back. */
  async function save(exchange: Exchange, id?: string): Promise<void> {
    const of = await view(exchange)
    const sent = await readForm(exchange.request)
    const record = id === undefined ? undefined : await records.get(id, of.by)
    const act = sent.get('act')
    if (act !== null && act !== 'save') return showForm(of, sent, record ? { record } : {})
    const fields = pages.tidy?.(sent) ?? sent
    try {
      const input = pages.toInput(fields)
      const chosen = toText(fields, 'id')
      const saved = record
        ? await records.replace(record.id, { ...pages.keep?.(record), ...input }, toVersion(fields), of.by)
        : await records.create({ ...input, ...(chosen === undefined ? {} : { id: chosen }) }, of.by)
      redirect(exchange.response, `${at(saved.id)}?said=recordSaved`)
    } catch (thrown) {
      const refused = toRefused(thrown)
      if (refused.status >= 500) throw thrown
      if (refused.code === 'record.stale' && record) return showStale(of, fields, await records.get(record.id, of.by))
      const problems = refused.problems.length > 0 ? toFormProblems(refused.problems, of.t) : [{ at: fieldOf(refused), text: sayRefusal(refused, of.t) }]
      await showForm(of, fields, { ...(record ? { record } : {}), problems, status: refused.status })
    }
  }

  /** Somebody else saved first: both versions side by side, and saving again keeps this one. */
  async function showStale(of: View, fields: Fields, record: R): Promise<void> {
    const { t } = of
    const stored = pages.toFields(record)
    const names = [...new Set([...stored.keys(), ...fields.keys()])].filter((name) => name !== 'version' && name !== 'act' && name !== 'id' && stored.getAll(name).join(', ') !== fields.getAll(name).join(', '))
    const stale = html`<div class="notice bad" role="alert"><h2>${t('staleTitle')}</h2><p>${fill(t('staleForm'), { who: record.updatedBy })}</p>
${names.length > 0 && html`<div class="scroll"><table aria-label="${t('staleTitle')}"><thead><tr><th scope="col">${t('staleField')}</th><th scope="col">${t('staleStored')}</th><th scope="col">${t('staleYours')}</th></tr></thead>
<tbody>${names.map((name) => html`<tr><th scope="row"><code>${name}</code></th><td>${stored.getAll(name).join(', ')}</td><td>${fields.getAll(name).join(', ')}</td></tr>`)}</tbody></table></div>`}
<p><a class="button" href="${at(record.id)}/edit">${t('takeStored')}</a></p></div>`
    const renewed = new URLSearchParams(fields)
    renewed.set('version', String(record.version))
    await showForm(of, renewed, { record, status: 412, stale })
  }

  async function show(of: View, record: R, page: Partial<Page> & { readonly status?: number; readonly fresh?: Fresh } = {}): Promise<void> {
    const { t, exchange } = of
    const { fresh, ...rest } = page
    const writes = record.retiredAt === undefined && pages.mayWrite(of, record)
    const body = html`<p class="crumb"><a href="${path}">${t(pages.tab)}</a></p>
<div class="head"><h1>${record.name}${record.retiredAt && html` <span class="tag">${t('retired')}</span>`}</h1>
${writes && html`<p class="row"><a class="button" href="${at(record.id)}/edit">${t('changeIt')}</a>${pages.retires && html`<a class="button danger" href="${at(record.id)}/retire">${t('retire')}</a>`}</p>`}</div>
${fresh?.box}${await pages.draw(record, of, fresh)}
<p class="hint">${t('recordId')} <code>${record.id}</code> · ${t('version')} ${record.version} · ${t('changedLast')} ${toTime(record.updatedAt, exchange.language)}, ${record.updatedBy}${of.mayAnywhere('audit.read') && html` · <a href="/audit?subject=${encodeURIComponent(`${path.slice(1)}/${record.id}`)}">${t('history')}</a>`}</p>`
    sendPage(of, tab, { title: record.name, body, ...noticeOf(exchange, t), ...rest })
  }

  async function askRetire(exchange: Exchange, id: string): Promise<void> {
    const of = await view(exchange)
    const record = await records.get(id, of.by)
    sendPage(of, tab, { title: of.t('retire'), body: confirmBox(of.t, `${of.t('retire')}: ${record.name}`, of.t('retireExplain'), `${at(id)}/retire`, of.t('retire'), at(id), record.version) })
  }

  async function act(exchange: Exchange, id: string, done: TextKey, run: (of: View, form: Fields, version: number | undefined) => Promise<unknown>): Promise<void> {
    const of = await view(exchange)
    const form = await readForm(exchange.request)
    try {
      await run(of, form, toVersion(form))
    } catch (thrown) {
      const refused = toRefused(thrown)
      if (refused.status >= 500 || refused.status === 404) throw thrown
      return show(of, await records.get(id, of.by), { status: refused.status, notice: { kind: 'bad', text: sayRefusal(refused, of.t) } })
    }
    if (!exchange.response.headersSent) redirect(exchange.response, `${at(id)}?said=${done}`)
  }

  const routes: PageRoute[] = [
    { method: 'GET', path, access: 'signed-in', handle: showList },
    { method: 'POST', path, access: 'signed-in', handle: (exchange) => save(exchange) },
    { method: 'GET', path: `${path}/:id`, access: 'signed-in', handle: async (exchange, { id }) => {
      const of = await view(exchange)
      await show(of, await records.get(id!, of.by))
    } },
    { method: 'POST', path: `${path}/:id`, access: 'signed-in', handle: (exchange, { id }) => save(exchange, id!) },
    { method: 'GET', path: `${path}/:id/edit`, access: 'signed-in', handle: async (exchange, { id }) => {
      const of = await view(exchange)
      const record = await records.get(id!, of.by)
      await showForm(of, pages.toFields(record), { record })
    } },
  ]
  if (pages.retires) routes.push(
    { method: 'GET', path: `${path}/:id/retire`, access: 'signed-in', handle: (exchange, { id }) => askRetire(exchange, id!) },
    { method: 'POST', path: `${path}/:id/retire`, access: 'signed-in', handle: (exchange, { id }) => act(exchange, id!, 'recordRetired', (of, _form, version) => records.retire(id!, version, of.by)) },
  )
  return { routes, show, act }
}

/** Search, organisation, state: a form that works without scripts and can be bookmarked. */
export function searchForm({ t, exchange }: View, path: string, organisations: readonly Choice[], states?: readonly { readonly value: string; readonly text: TextKey }[]): Html {
  const { searchParams } = exchange.url
  const option = (value: string, text: string, name: string) => html`<option value="${value}"${(searchParams.get(name) ?? '') === value && html` selected`}>${text}</option>`
  return html`<form method="get" action="${path}" role="search" class="row filters">
<label>${t('search')}<input type="search" name="search" value="${searchParams.get('search') ?? ''}" placeholder="${t('searchHint')}"></label>
${organisations.length > 1 && html`<label>${t('organisation')}<select name="organisation">${option('', t('allOrganisations'), 'organisation')}${organisations.map(({ value, text }) => option(value, text, 'organisation'))}</select></label>`}
${states && html`<label>${t('state')}<select name="state">${option('', t('everyState'), 'state')}${states.map(({ value, text }) => option(value, t(text), 'state'))}</select></label>`}
<label class="check"><input type="checkbox" name="retired" value="yes"${searchParams.has('retired') && html` checked`}>${t('alsoRetired')}</label>
<button>${t('show')}</button></form>`
}

/** To the next page of a list, and back to its first. */
export function toPager(url: URL, next: string | undefined, t: T): Html {
  const link = (cursor: string | undefined) => {
    const query = new URLSearchParams(url.searchParams)
    query.delete('said')
    query.delete('cursor')
    if (cursor !== undefined) query.set('cursor', cursor)
    return `${url.pathname}?${query}`
  }
  if (next === undefined && !url.searchParams.has('cursor')) return html``
  return html`<p class="row">${url.searchParams.has('cursor') && html`<a class="button" href="${link(undefined)}">${t('firstPage')}</a>`}${next !== undefined && html`<a class="button" href="${link(next)}" rel="next">${t('nextPage')}</a>`}</p>`
}

/** Asks before something that cannot be taken back. */
export function confirmBox(t: T, title: string, text: string, action: string, button: string, back: string, version: number, hidden: Readonly<Record<string, string>> = {}): Html {
  return html`<section class="card narrow"><h1>${title}</h1><p>${text}</p>
<form method="post" action="${action}" class="row"><input type="hidden" name="version" value="${version}">${Object.entries(hidden).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}<button class="danger">${button}</button><a class="button" href="${back}">${t('cancel')}</a></form></section>`
}

/** A button that does one thing to a record, started from the version that is shown. */
export function actButton(action: string, version: number, text: string, options: { readonly kind?: 'primary' | 'danger'; readonly label?: string; readonly hidden?: Readonly<Record<string, string>> } = {}): Html {
  return html`<form method="post" action="${action}"><input type="hidden" name="version" value="${version}">${Object.entries(options.hidden ?? {}).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}<button${options.kind && html` class="${options.kind}"`}${options.label && html` aria-label="${options.label}"`}>${text}</button></form>`
}

/** Version of the record that a form was drawn from. */
export function toVersion(form: Fields): number | undefined {
  const version = Number(form.get('version'))
  return Number.isSafeInteger(version) && version > 0 ? version : undefined
}

/** Names of time zones for fields that ask for one. */
function zones(): Html {
  return html`<datalist id="zones">${Intl.supportedValuesOf('timeZone').map((zone) => html`<option value="${zone}">`)}</datalist>`
}

/** What is said on top of the page after an act. */
export function noticeOf(exchange: Exchange, t: T): Pick<Page, 'notice'> {
  const said = exchange.method === 'GET' ? exchange.url.searchParams.get('said') : null
  return said !== null && notices.has(said) ? { notice: { kind: 'good', text: t(said as TextKey) } } : {}
}

/** The field that a refusal without places is about. */
function fieldOf(refused: Refused): string {
  if (refused.code === 'record.exists') return 'id'
  return ''
}

function pick<Name extends 'search' | 'organisation' | 'state' | 'cursor'>(query: URLSearchParams, name: Name): { readonly [Key in Name]?: string } {
  const value = query.get(name)?.trim()
  return (value ? { [name]: value } : {}) as { readonly [Key in Name]?: string }
}

/** Whether the asker may do to an application what needs a right: by the right, or because it is his own. */
export function mayUpon(view: View, right: Right, application: { readonly organisation: string; readonly owner?: string }): boolean {
  return view.may(right, application.organisation) || (application.owner === view.by.name && view.may('records.own', application.organisation))
}

