import type { Hiding } from './hiding.ts'
import { bodyLimits, show } from './show.ts'

const looksLikeJson = /^\s*[[{]/
/** Before it may stand what begins a line of events or, as a control character, a text of a sequence (RFC 7464). */
const lineOfJson = /^(?<lead>(?:data:)?[\s\p{Cc}]*)(?=[[{])/u

/**
 * A text without its secrets: of JSON those that a name gives away as well, whether it is one document, one on each line (NDJSON, JSON text
 * sequences) or one in each event (SSE). `cut`: the text went on.
 */
export function cleanText(text: string, type: string, hiding: Hiding, cut: boolean): string {
  const whole = /[/+]json\b/i.test(type) || looksLikeJson.test(text) ? cleanJson(text, hiding, cut) : undefined
  if (whole !== undefined) return whole
  if (/^\s*text\/event-stream\b/i.test(type)) return text.split(/(\r?\n(?:\r?\n)+)/).map((event, at, all) => cleanEvent(event, hiding, cut && at === all.length - 1)).join('')
  const lines = text.split('\n')
  if (!lines.some((line) => lineOfJson.test(line))) return hiding.text(text, cut)
  return lines.map((line, at) => cleanLine(line, hiding, cut && at === lines.length - 1)).join('\n')
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
