import { parameterName } from '../../core/http/parameter-name.ts'
import { hidden } from '../../core/secrets/secret-forms.ts'
import type { Hiding } from './hiding.ts'
import { bodyLimits, show } from './show.ts'

/** Shorter ones come about by chance in bytes that mean something else. */
const words = /[a-z][\w-]{4,}/gi
const looksLikeJson = /^\s*[[{]/
/** Before it may stand what begins a line of events or, as a control character, a text of a sequence (RFC 7464). */
const lineOfJson = /^(?<lead>(?:data:)?[\s\p{Cc}]*)(?=[[{])/u

/**
 * A text without its secrets: of JSON those that a name gives away as well, whether it is one document, one on each line (NDJSON, JSON text
 * sequences), one in each event (SSE) or one in a part of a form. `cut`: the text went on.
 */
export function cleanText(text: string, type: string, hiding: Hiding, cut: boolean): string {
  const parts = partsOf(text, type)
  if (parts) return cleanParts(parts, hiding, (part, of, isLast) => cleanText(part, of, hiding, cut && isLast))
  const whole = /[/+]json\b/i.test(type) || looksLikeJson.test(text) ? cleanJson(text, hiding, cut) : undefined
  if (whole !== undefined) return whole
  if (/^\s*text\/event-stream\b/i.test(type)) return text.split(/(\r?\n(?:\r?\n)+)/).map((event, at, all) => cleanEvent(event, hiding, cut && at === all.length - 1)).join('')
  const lines = text.split('\n')
  if (!lines.some((line) => lineOfJson.test(line))) return hiding.text(text, cut)
  return lines.map((line, at) => cleanLine(line, hiding, cut && at === lines.length - 1)).join('\n')
}

/**
 * Bytes that are no text, without their secrets: those of a form, whose parts stand for themselves. Others are given as they are, or not at all
 * when a secret stands in them: what has something else in its place is not what it was. `cut`: they went on.
 */
export function cleanBytes(bytes: Buffer, type: string, hiding: Hiding, cut: boolean): Buffer | undefined {
  // Each byte is a character.
  const text = bytes.toString('latin1')
  const parts = partsOf(text, type)
  if (parts) return Buffer.from(cleanParts(parts, hiding, (part, _type, isLast) => (isClean(part, hiding, cut && isLast) ? part : hidden)), 'latin1')
  return isClean(text, hiding, cut) ? bytes : undefined
}

/**
 * Whether nothing is to be hidden in bytes that are written as a character each; what they write in UTF-8 is looked for as well. Where a name of a
 * secret stands (MessagePack, CBOR and others write names as they are) its value is not far.
 */
function isClean(bytes: string, hiding: Hiding, cut: boolean): boolean {
  if (bytes.match(words)?.some((word) => hiding.isSecret(word)) === true) return false
  return [bytes, Buffer.from(bytes, 'latin1').toString('utf8')].every((text) => hiding.text(text, cut) === text)
}

/** A form (multipart/form-data, RFC 7578) in turn: what stands between the values of its parts, and these. */
function partsOf(text: string, type: string): string[] | undefined {
  const boundary = /^\s*multipart\/[^;]*;.*\bboundary=(?:"(?<quoted>[^"]+)"|(?<plain>[^\s;"]+))/i.exec(type)?.groups
  const mark = boundary && `--${boundary['quoted'] ?? boundary['plain']}`
  const start = mark === undefined ? -1 : text.indexOf(mark)
  if (start === -1) return undefined
  const parts: string[] = []
  for (let at = 0; ; ) {
    const head = text.indexOf('\r\n\r\n', Math.max(at, start))
    if (head === -1) return [...parts, text.slice(at)]
    const end = text.indexOf(`\r\n${mark}`, head + 4)
    parts.push(text.slice(at, head + 4), text.slice(head + 4, end === -1 ? undefined : end))
    if (end === -1) return parts
    at = end
  }
}

function cleanParts(parts: readonly string[], hiding: Hiding, clean: (part: string, type: string, isLast: boolean) => string): string {
  return parts.map((part, at) => {
    if (at % 2 === 0) return hiding.text(part)
    const head = parts[at - 1] as string
    const name = /\bname=(?:"(?<quoted>[^"]*)"|(?<plain>[^\s;]+))/i.exec(head)?.groups
    return hiding.isSecret(parameterName(name?.['quoted'] ?? name?.['plain'] ?? '')) ? hidden : clean(part, /^content-type:\s*([^\r\n]*)/im.exec(head)?.[1] ?? '', at === parts.length - 1)
  }).join('')
}

/** An event may say one document in several lines (HTML standard, server-sent events). */
function cleanEvent(event: string, hiding: Hiding, cut: boolean): string {
  const lines = event.split(/\r?\n/)
  const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5))
  if (data.length > 1 && looksLikeJson.test(data.join('\n'))) {
    const told = data.join('\n')
    const clean = cleanJson(told, hiding, cut)
    if (clean !== undefined) return [...lines.filter((line) => !line.startsWith('data:')).map((line) => hiding.text(line)), `data: ${clean}`].join('\n')
  }
  return event.split('\n').map((line, at, all) => cleanLine(line, hiding, cut && at === all.length - 1)).join('\n')
}

function cleanLine(line: string, hiding: Hiding, cut: boolean): string {
  const lead = lineOfJson.exec(line)?.groups?.['lead']
  if (lead === undefined) return hiding.text(line, cut)
  return lead + (cleanJson(line.slice(lead.length), hiding, cut) ?? hiding.text(line.slice(lead.length), cut))
}

function cleanJson(text: string, hiding: Hiding, cut: boolean): string | undefined {
  const value = parse(text) ?? (cut ? parse(closed(text)) : undefined)
  return value && JSON.stringify(show(value.of, hiding, bodyLimits))
}

function parse(text: string | undefined): { readonly of: unknown } | undefined {
  if (text === undefined) return undefined
  try {
    return { of: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}

/** The beginning of a JSON text up to the last value in it that is whole, closed; `undefined` when it is no such thing. */
function closed(text: string): string | undefined {
  const open: string[] = []
  let inText = false
  let end = 0
  let tail = ''
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at] as string
    if (inText) {
      if (sign === '\\') at += 1
      else if (sign === '"') inText = false
      continue
    }
    if (sign === '"') inText = true
    else if (sign === '{' || sign === '[') open.push(sign === '{' ? '}' : ']')
    else if ((sign === '}' || sign === ']') && open.pop() !== sign) return undefined
    if (!'{}[],'.includes(sign)) continue
    end = sign === ',' ? at : at + 1
    tail = open.toReversed().join('')
    // What stands behind a document is another one, and not the rest of it.
    if (open.length === 0) return text.slice(at + 1).trim() === '' ? text.slice(0, end) : undefined
  }
  return end === 0 ? undefined : text.slice(0, end) + tail
}
