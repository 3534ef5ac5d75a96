import { html, type Html } from '../../html.ts'
import type { TextKey } from '../../texts.ts'
import { renderMarkdown } from '../docs.ts'
import { drawLimits, drawProperties, drawType } from './draw-schema.ts'
import { asList, asObject, asText, follow, type Json } from './read-json.ts'
import { toCommand } from './to-command.ts'

type T = (key: TextKey) => string

export interface DrawnOperation {
  readonly method: string
  readonly path: string
  readonly operation: Json
  readonly anchor: string
}

const places: Readonly<Record<string, TextKey>> = { query: 'placeQuery', path: 'placePath', header: 'placeHeader', cookie: 'placeCookie' }

/** One operation: what it takes, what it answers, and how it is called from a shell. */
export function drawOperation({ method, path, operation, anchor }: DrawnOperation, document: Json, server: string, t: T): Html {
  const summary = asText(operation['summary'])
  const description = asText(operation['description'])
  const parameters = asList(operation['parameters']).map((one) => follow(document, one))
  const body = follow(document, operation['requestBody'])
  const responses = Object.entries(asObject(operation['responses'])).map(([status, one]) => ({ status, response: follow(document, one) }))
  const isProblem = ({ response }: { response: Json }) => {
    const types = Object.keys(asObject(response['content']))
    return types.length === 1 && types[0] === 'application/problem+json'
  }
  return html`<section class="card operation" id="${anchor}"><h3><span class="tag">${method}</span> <code>${path}</code>${operation['deprecated'] === true && html` <span class="tag warn">${t('referenceDeprecated')}</span>`}</h3>
${summary !== undefined && html`<p><strong>${summary}</strong></p>`}${description !== undefined && description !== summary && html`<div class="doc">${renderMarkdown(description)}</div>`}
${parameters.length > 0 && html`<h4>${t('referenceParameters')}</h4><div class="scroll"><table aria-label="${t('referenceParameters')}"><thead><tr><th scope="col">${t('referenceName')}</th><th scope="col">${t('referencePlace')}</th><th scope="col">${t('referenceType')}</th><th scope="col">${t('referenceMeaning')}</th></tr></thead><tbody>
${parameters.map((one) => {
  const schema = one['schema'] ?? asObject(Object.values(asObject(one['content']))[0])['schema']
  return html`<tr><td><code>${String(one['name'])}</code>${one['required'] === true && html` <span class="tag warn">${t('referenceRequired')}</span>`}</td><td>${places[String(one['in'])] ? t(places[String(one['in'])]!) : String(one['in'])}</td><td>${drawType(schema)}</td><td>${asText(one['description'])} ${drawLimits(schema)}</td></tr>`
})}</tbody></table></div>`}
${Object.keys(asObject(body['content'])).length > 0 && html`<h4>${t('referenceBody')}${body['required'] === true && html` <span class="tag warn">${t('referenceRequired')}</span>`}</h4>${asText(body['description']) !== undefined && html`<p>${body['description'] as string}</p>`}${drawContent(body['content'], t)}`}
<h4>${t('referenceAnswers')}</h4>${responses.filter((one) => !isProblem(one)).map(({ status, response }) => html`<details${/^2/.test(status) && html` open`}><summary><strong>${status}</strong> ${asText(response['description'])}</summary>${drawHeaders(document, response, t)}${drawContent(response['content'], t)}</details>`)}
${responses.some(isProblem) && html`<details><summary>${t('referenceProblems')}: ${responses.filter(isProblem).map(({ status }) => status).join(', ')}</summary><p class="soft">${t('referenceProblemsIntro')}</p><div class="scroll"><table aria-label="${t('referenceProblems')}"><thead><tr><th scope="col">${t('referenceStatus')}</th><th scope="col">${t('referenceMeaning')}</th><th scope="col">code</th></tr></thead><tbody>${responses.filter(isProblem).map(({ status, response }) => html`<tr><td>${status}</td><td>${asText(response['description'])}</td><td>${asList(response['x-fault-codes']).map((code) => html`<code>${String(code)}</code> `)}</td></tr>`)}</tbody></table></div></details>`}
<details><summary>${t('referenceTry')}</summary><pre><code>${toCommand({ method, path, operation, document, server })}</code></pre></details></section>`
}

function drawContent(content: unknown, t: T): Html {
  const media = Object.entries(asObject(content)).filter(([type]) => type !== 'application/problem+json')
  return html`${media.map(([type, given]) => {
    const { schema, example, examples } = asObject(given)
    const [named] = Object.values(asObject(examples))
    const shown = example ?? asObject(named)['value']
    return html`<p><code>${type}</code> ${schema !== undefined && drawType(schema)}</p>${schema !== undefined && drawProperties(schema, t)}${shown !== undefined && html`<p class="soft">${t('referenceExample')}</p><pre><code>${(typeof shown === 'string' ? shown : JSON.stringify(shown, null, 2)).slice(0, 4000)}</code></pre>`}`
  })}`
}

function drawHeaders(document: Json, response: Json, t: T): Html | undefined {
  const headers = Object.entries(asObject(response['headers']))
  if (headers.length === 0) return undefined
  return html`<p>${t('referenceHeaders')}: ${headers.map(([name, one], i) => html`${i > 0 && ', '}<code title="${asText(follow(document, one)['description'])}">${name}</code>`)}</p>`
}
