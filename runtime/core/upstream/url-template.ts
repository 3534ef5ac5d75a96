import { fault } from '../fault.ts'
import { parsePathTemplate, pathText, TemplateError, type PathTemplate } from '../values/path-template.ts'
import { shownUrl } from './shown-url.ts'

/** Characters of a rendered path value that would change where the path leads although they are encoded. */
const dots = /^(?:\.|%2e){1,2}$/i

/**
 * An absolute http or https URL whose path and query may hold `{{payload.id}}`. Scheme, host and port are
 * literal: nobody but the flow's author says which server is called. Values are percent-encoded whole, so a
 * value can never add a segment, a parameter or a step up (RFC 3986 §2, §3.3). At the end of the path `{{+req.params["*"]}}` stands for
 * any number of segments (RFC 6570 §3.2.3 has the sign): its slashes stay, and a step up is refused there as well.
 */
export interface UrlTemplate {
  readonly constant: boolean
  /** `https://host:port`, as the URL parser writes it. */
  readonly origin: string
  /** @throws Fault `step.config` when a value of the path is missing, empty, no plain value, or a dot segment */
  render(message: unknown): string
}

/**
 * Parses a URL template in which environment references have been replaced already.
 * @throws TemplateError with a sentence
 */
export function parseUrlTemplate(text: string): UrlTemplate {
  const trimmed = text.trim()
  const scheme = /^https?:\/\//i.exec(trimmed)?.[0]
  if (!scheme) throw new TemplateError(`“${shownUrl(trimmed)}” does not begin with http:// or https://.`)
  const authorityEnd = indexOfAny(trimmed, scheme.length, '/?#\\')
  const authority = trimmed.slice(scheme.length, authorityEnd)
  if (authority.includes('{{')) throw new TemplateError('The host of the URL must not come from the message.')
  if (authority.includes('@')) throw new TemplateError('The URL must not hold a user name or password.')
  const head = trimmed.slice(0, authorityEnd)
  if (authority === '' || !URL.canParse(head)) throw new TemplateError(`“${head}” names no host that can be called.`)
  const { origin } = new URL(head)
  const rest = trimmed.slice(authorityEnd).split('#', 1)[0] as string
  const question = indexOfAny(rest, 0, '?', true)
  const [, before = rest.slice(0, question), inner] = /^(.*\/)\{\{\+([^{}]+)\}\}$/s.exec(rest.slice(0, question)) ?? []
  if (/\{\{\s*\+/.test(before)) throw new TemplateError('{{+…}}, the rest of a path, stands at the end of the path, behind a slash.')
  const path = parsePathTemplate(before)
  const tail = inner === undefined ? undefined : parsePathTemplate(`{{${inner}}}`)
  const query = parsePathTemplate(rest.slice(question))
  if (path.constant && query.constant && !tail) {
    const whole = new URL(rest, `${origin}/`).href
    return { constant: true, origin, render: () => whole }
  }
  const segments = path.constant ? undefined : toSegments(path)
  return {
    constant: false,
    origin,
    render(message) {
      let rendered = segments ? renderSegments(segments, message) : path.text
      if (tail) rendered = (rendered + tail.render(message, encodeSegments)).replace(/(.)\/$/, '$1')
      return origin + (rendered.startsWith('/') ? rendered : `/${rendered}`) + query.render(message, encodeQuery)
    },
  }
}

/** Text to put into a query, encoded whole; nothing is empty. */
export function encodeQuery(value: unknown): string {
  if (value === undefined || value === null) return ''
  const text = typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value as number)
  return encodeURIComponent(text.toWellFormed())
}

/** A template per segment, so that a rendered segment can be looked at as a whole. */
function toSegments(path: PathTemplate): PathTemplate[] {
  const segments: PathTemplate[] = []
  let at = 0
  let from = 0
  const { text } = path
  while (at <= text.length) {
    if (text.startsWith('{{', at)) {
      at = text.indexOf('}}', at) + 2
      continue
    }
    if (at === text.length || text[at] === '/') {
      segments.push(parsePathTemplate(text.slice(from, at)))
      from = at + 1
    }
    at += 1
  }
  return segments
}

function renderSegments(segments: readonly PathTemplate[], message: unknown): string {
  let rendered = ''
  for (const [index, segment] of segments.entries()) {
    const text = segment.render(message, encodeSegment)
    if (!segment.constant && dots.test(text)) throw fault('step.config', { message: `A value makes the path segment “${text}”, which would lead out of the path.` })
    rendered += index === 0 ? text : `/${text}`
  }
  return rendered
}

function encodeSegment(value: unknown, path: Parameters<typeof pathText>[0]): string {
  if (typeof value === 'string' ? value === '' : typeof value !== 'number' && typeof value !== 'boolean' && typeof value !== 'bigint') {
    const what = value === undefined || value === null || value === '' ? 'is missing or empty' : 'is no text, number or boolean'
    throw fault('step.config', { message: `The path of the URL needs msg.${pathText(path)}, which ${what}.` })
  }
  return encodeURIComponent(`${value as string}`.toWellFormed())
}

/** Several segments: what is between slashes is encoded, and none of it leads up. */
function encodeSegments(value: unknown, path: Parameters<typeof pathText>[0]): string {
  if (value === undefined || value === null || value === '') return ''
  if (typeof value !== 'string') throw fault('step.config', { message: `The path of the URL needs msg.${pathText(path)}, which is no text.` })
  return value.split('/').map((part) => {
    const text = encodeURIComponent(part.toWellFormed())
    if (dots.test(text)) throw fault('step.config', { message: `A value makes the path segment “${text}”, which would lead out of the path.` })
    return text
  }).join('/')
}

/** The first of some characters outside `{{ }}`; the text's length when there is none. */
function indexOfAny(text: string, from: number, characters: string, skipExpressions = false): number {
  for (let at = from; at < text.length; at += 1) {
    if (skipExpressions && text.startsWith('{{', at)) {
      const close = text.indexOf('}}', at)
      if (close === -1) return text.length
      at = close + 1
    } else if (characters.includes(text.charAt(at))) return at
  }
  return text.length
}
