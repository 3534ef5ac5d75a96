import type { ApiRegistration, Lifecycle, Publishing, Refused } from '../../../control/contract.ts'
import { methods } from '../../../runtime/core/http/methods.ts'
import { createFormView, type Fields, type FormProblem } from '../../forms/form-view.ts'
import { defined, toText } from '../../forms/form-values.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import { readForm } from '../../web/body.ts'
import type { Exchange } from '../../web/exchange.ts'
import { redirect, toRefused } from '../../web/reply.ts'
import type { PageRoute } from '../../web/router.ts'
import { drawOutcome } from './register-outcome.ts'
import { sayRefusal, toFormProblems } from '../../refusals.ts'
import { choicesOf, openView, sendPage, toFacts, type View } from './view.ts'

/** A document of the largest size that is taken, written as a form writes it. */
const formLimitBytes = 14 * 1024 * 1024
const path = '/register-api'

type Source = 'url' | 'openapi'

interface Shown {
  readonly problems?: readonly FormProblem[]
  readonly status?: number
  /** What would happen, below the form. */
  readonly outcome?: Html
  /** Something was changed by hand and would be lost. */
  readonly offersReplace?: boolean
}

/** A URL or an OpenAPI document becomes an API: chosen, looked at, registered. */
export function registerRoutes({ control, editorPath }: PortalOptions): PageRoute[] {
  const { consumers } = control

  async function show(view: View, source: Source, fields: Fields, { problems = [], status, outcome, offersReplace }: Shown = {}): Promise<void> {
    const { t, by } = view
    const form = createFormView(fields, problems, t('optional'))
    const [organisations, groups] = await Promise.all([choicesOf(consumers.organisations, by, ({ id }) => view.may('apis.write', id)), choicesOf(consumers.groups, by)])
    const tab = (to: Source) => html`<li><a href="${path}?from=${to}"${to === source && html` aria-current="page"`}>${t(to === 'url' ? 'fromUrl' : 'fromOpenapi')}</a></li>`
    const states: readonly Lifecycle[] = ['CREATED', 'PROTOTYPED', 'PUBLISHED']
    // The summary links to fields that have been drawn.
    const drawn = html`${source === 'url'
  ? html`${form.input('url', t('serviceUrl'), { required: true, maxLength: 2000, hint: t('serviceUrlHint') })}${form.input('path', t('publishedPath'), { maxLength: 500, hint: t('publishedPathHint') })}${form.checks('methods', t('methodsServed'), methods.map((value) => ({ value, text: value })))}`
  : html`<div class="field"><label for="openapi-file">${t('openapiFile')}</label><input type="file" id="openapi-file" accept=".json,.yaml,.yml,application/json,application/yaml" data-into="f-openapi"></div>${form.area('openapi', t('openapiText'), { required: true, rows: 12, hint: t('openapiHint') })}
<div class="pair">${form.input('path', t('pathPrefix'), { maxLength: 500, hint: t('pathPrefixHint') })}${form.input('upstream', t('upstreamInstead'), { maxLength: 500, hint: t('upstreamInsteadHint') })}</div>
<div class="pair">${form.check('validate', t('checkRequests'), { hint: t('checkRequestsHint') })}${form.check('mock', t('mockAnswers'), { hint: t('mockAnswersHint') })}</div>`}
<div class="pair">${form.input('name', t('name'), { maxLength: 120, ...(source === 'openapi' ? { hint: t('nameFromDocument') } : {}) })}${form.input('id', t('recordId'), { required: true, maxLength: 64, hint: t('registerIdHint') })}</div>
${form.select('organisation', t('organisation'), organisations)}
<div class="pair">${form.input('version', t('apiVersion'), { maxLength: 32, hint: t('registerVersionHint') })}${form.input('family', t('family'), { maxLength: 64, hint: t('familyHint') })}</div>
<div class="pair">${form.input('group', t('group'), { maxLength: 64, list: 'groups' })}${form.check('createGroup', t('createGroup'))}</div>
<datalist id="groups">${groups.map(({ value, text }) => html`<option value="${value}">${text}</option>`)}</datalist>
${form.check('auth', t('askForKey'), { hint: t('askForKeyHint') })}
<div class="pair">${form.select('visibility', t('visibility'), [{ value: '', text: t('visibilityByKey') }, { value: 'organisation', text: t('visibleOrganisation') }, { value: 'public', text: t('visiblePublic') }])}${form.select('lifecycle', t('lifecycleAfter'), [{ value: '', text: t('lifecycleStays') }, ...states.map((value) => ({ value, text: t(value) }))])}</div>
${offersReplace && form.check('replace', t('replaceHandMade'), { hint: t('replaceHandMadeHint') })}`
    const body = html`<p class="crumb"><a href="/apis">${t('apis')}</a></p><h1>${t('registerApi')}</h1><p class="soft">${t('registerIntro')}</p>
<nav class="tabs" aria-label="${t('registerFrom')}"><ul>${tab('url')}${tab('openapi')}</ul></nav>
<form method="post" action="${path}" class="card record"><input type="hidden" name="from" value="${source}">
${form.summary(t('checkFields'))}
${drawn}
<p class="row"><button${!outcome && html` class="primary"`} name="act" value="preview">${t('previewApi')}</button>${outcome && html`<button class="primary" name="act" value="register">${t('registerNow')}</button>`}<a class="button" href="/apis">${t('cancel')}</a></p>
${outcome}</form>`
    sendPage(view, 'apis', { title: t('registerApi'), body, ...(status === undefined ? {} : { status }) })
  }

  /** What was registered, and where to go from there. */
  async function showDone(view: View, id: string): Promise<void> {
    const { t, by } = view
    const api = await consumers.apis.get(id, by)
    const body = html`<p class="crumb"><a href="/apis">${t('apis')}</a></p><h1>${t('registeredApi')}</h1>
<section class="card">${toFacts([[t('name'), api.name], [t('organisation'), api.organisation], [t('lifecycle'), html`<span class="tag">${t(api.lifecycle)}</span>${api.requested && html` ${t('moveRequested')}`}`]])}
<p>${t('registeredNext')}</p>
<p class="row"><a class="button primary" href="${editorPath}#flow/${encodeURIComponent(api.flow)}">${t('openFlow')}</a><a class="button" href="/apis/${encodeURIComponent(api.id)}">${t('openRecord')}</a><a class="button" href="${path}">${t('registerAnother')}</a></p></section>`
    sendPage(view, 'apis', { title: t('registeredApi'), body, notice: { kind: 'good', text: t('registeredLive') } })
  }

  async function take(exchange: Exchange): Promise<void> {
    const view = await openView(exchange, consumers)
    const fields = await readForm(exchange.request, formLimitBytes)
    const source: Source = fields.get('from') === 'openapi' ? 'openapi' : 'url'
    try {
      const input = toInput(fields, source)
      if (fields.get('act') === 'register') {
        const { apis: [api] } = await control.publishing.register(input, view.by)
        return redirect(exchange.response, `${path}?done=${encodeURIComponent(api!.id)}`)
      }
      const result = await control.publishing.preview(input, view.by)
      const broken = result.problems.some(({ severity }) => severity === 'error')
      await show(view, source, fields, { outcome: drawOutcome(result, view.t), offersReplace: result.apis.some(({ lost }) => lost.length > 0) || fields.has('replace'), ...(broken ? { status: 422 } : {}) })
    } catch (thrown) {
      const refused = toRefused(thrown)
      if (refused.status >= 500) throw thrown
      await show(view, source, fields, { problems: toProblems(refused, view), status: refused.status, offersReplace: refused.code === 'register.changed' || fields.has('replace') })
    }
  }

  return [
    { method: 'GET', path, access: 'signed-in', handle: async (exchange) => {
      const view = await openView(exchange, consumers)
      const { searchParams } = exchange.url
      const done = searchParams.get('done')
      if (done !== null) return await showDone(view, done)
      await show(view, searchParams.get('from') === 'openapi' ? 'openapi' : 'url', new URLSearchParams([['methods', 'GET'], ['auth', 'yes'], ['validate', 'yes']]))
    } },
    { method: 'POST', path, access: 'signed-in', handle: take },
  ]
}

function toInput(fields: Fields, source: Source): Parameters<Publishing['register']>[0] {
  const document = (fields.get('openapi') ?? '').trim()
  return {
    id: toText(fields, 'id') ?? '', organisation: toText(fields, 'organisation') ?? '',
    ...(source === 'url' ? { url: toText(fields, 'url') ?? '', methods: fields.getAll('methods') } : { openapi: document }),
    auth: fields.get('auth') === 'yes',
    ...(source === 'openapi' ? { validate: fields.get('validate') === 'yes' } : {}),
    ...defined({
      name: toText(fields, 'name'), path: toText(fields, 'path'), upstream: source === 'openapi' ? toText(fields, 'upstream') : undefined, version: toText(fields, 'version'), family: toText(fields, 'family'), group: toText(fields, 'group'),
      mock: source === 'openapi' && fields.get('mock') === 'yes' ? true : undefined,
      createGroup: fields.get('createGroup') === 'yes' ? true : undefined, replace: fields.get('replace') === 'yes' ? true : undefined,
      visibility: toText(fields, 'visibility') as ApiRegistration['visibility'] | undefined, lifecycle: toText(fields, 'lifecycle') as Lifecycle | undefined,
    }),
  }
}

/** Problems of the document name their place in it; the others are beside their fields. */
function toProblems(refused: Refused, { t }: View): FormProblem[] {
  if (refused.problems.length === 0) return [{ at: '', text: sayRefusal(refused, t) }]
  return refused.problems.flatMap((problem): FormProblem[] => {
    const inside = /^\/openapi(\/.*)?$/s.exec(problem.pointer ?? '')
    if (problem.code === 'openapi.invalid' || inside) return [{ at: 'openapi', text: `${inside?.[1] ?? ''} ${problem.message} ${problem.remedy}`.trim() }]
    if (problem.code.startsWith('record.')) return toFormProblems([problem], t)
    return [{ at: '', text: `${problem.message} ${problem.remedy}` }]
  })
}
