import { html, type Html } from '../../html.ts'
import type { TextKey } from '../../texts.ts'
import { asList, asObject, asText, type Json } from './read-json.ts'

type T = (key: TextKey) => string

const depthLimit = 3
const propertiesAtMost = 200

/** The id of a schema's section on the page. */
export function toAnchor(name: string): string {
  return `schema-${name.replace(/[^\w.-]+/g, '-')}`
}

/** A type in one line: `list of text`, with links to schemas that have a name. */
export function drawType(schema: unknown): Html {
  const own = asObject(schema)
  const name = nameOf(own)
  if (name !== undefined) return html`<a href="#${toAnchor(name)}">${name}</a>`
  const ways = [...asList(own['oneOf']), ...asList(own['anyOf'])]
  if (ways.length > 0) return html`${ways.slice(0, 8).map((way, i) => html`${i > 0 && ' | '}${drawType(way)}`)}`
  const parts = asList(own['allOf'])
  if (parts.length > 0) return html`${parts.slice(0, 8).map((part, i) => html`${i > 0 && ' & '}${drawType(part)}`)}`
  const types = (Array.isArray(own['type']) ? (own['type'] as unknown[]) : own['type'] === undefined ? [] : [own['type']]).map(String)
  if (types.includes('array') || own['items'] !== undefined) return html`${drawType(own['items'])}[]${types.includes('null') && ' | null'}`
  if (types.length === 0) return html`${own['properties'] !== undefined ? 'object' : own['const'] !== undefined ? JSON.stringify(own['const']) : asList(own['enum']).length > 0 ? 'enum' : 'any'}`
  return html`${types.join(' | ')}${asText(own['format']) !== undefined && html` <span class="soft">(${own['format'] as string})</span>`}`
}

/** What a value must be beside its type. */
export function drawLimits(schema: unknown): Html {
  const own = asObject(schema)
  const said: string[] = []
  const values = asList(own['enum'])
  if (values.length > 0) said.push(values.slice(0, 30).map((value) => JSON.stringify(value)).join(', '))
  if (own['const'] !== undefined) said.push(`= ${JSON.stringify(own['const'])}`)
  for (const [keyword, sign] of [['minimum', '≥'], ['exclusiveMinimum', '>'], ['maximum', '≤'], ['exclusiveMaximum', '<'], ['multipleOf', '×']] as const) if (own[keyword] !== undefined) said.push(`${sign} ${String(own[keyword])}`)
  const span = (least: unknown, most: unknown, unit: string) => (least === undefined && most === undefined ? [] : [`${least === undefined ? '0' : String(least)}–${most === undefined ? '∞' : String(most)} ${unit}`])
  said.push(...span(own['minLength'], own['maxLength'], 'characters'), ...span(own['minItems'], own['maxItems'], 'items'))
  const pattern = asText(own['pattern']) ?? asText(own['x-pattern'])
  if (pattern !== undefined) said.push(pattern)
  if (own['default'] !== undefined) said.push(`default ${JSON.stringify(own['default'])}`)
  return html`${said.map((one) => html`<code>${one.slice(0, 300)}</code> `)}`
}

/** The properties of an object as a list, those of objects inside below them; nothing for what has none. */
export function drawProperties(schema: unknown, t: T, depth = 0): Html | undefined {
  const own = asObject(schema)
  const all = [own, ...asList(own['allOf']).map(asObject)]
  const required = new Set(all.flatMap((one) => asList(one['required'])))
  const properties = all.flatMap((one) => Object.entries(asObject(one['properties'])))
  const items = asObject(own['items'])
  if (properties.length === 0) return own['items'] !== undefined && nameOf(items) === undefined && depth < depthLimit ? drawProperties(items, t, depth) : undefined
  return html`<ul class="properties">${properties.slice(0, propertiesAtMost).map(([name, one]) => html`<li><code>${name}</code> <span class="type">${drawType(one)}</span>${required.has(name) && html` <span class="tag warn">${t('referenceRequired')}</span>`} ${drawLimits(one)}${asText(asObject(one)['description']) !== undefined && html`<br><span class="soft">${(asObject(one)['description'] as string).slice(0, 500)}</span>`}${depth < depthLimit && nameOf(asObject(one)) === undefined && drawProperties(one, t, depth + 1)}</li>`)}</ul>`
}

function nameOf({ $ref }: Json): string | undefined {
  return typeof $ref === 'string' ? $ref.split('/').at(-1)?.replaceAll('~1', '/').replaceAll('~0', '~') : undefined
}
