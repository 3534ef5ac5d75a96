import type { CaseAnswer } from '../../core/cases.ts'
import { hidden } from '../../core/secrets/secret-forms.ts'

const mostDifferences = 100

/**
 * Where two answers differ: status, content type, and every place of a JSON body. With `values` false the values themselves are
 * not said. What was hidden in the first is not compared.
 */
export function answerDifferences(before: CaseAnswer, after: CaseAnswer, values = true): string[] {
  const found: string[] = []
  const say = (place: string, from: unknown, to: unknown) => {
    if (found.length < mostDifferences) found.push(values ? `${place}: ${shown(from)} → ${shown(to)}` : place)
  }
  if (before.status !== after.status) found.push(`status: ${before.status} → ${after.status}`)
  if (before.base64 !== undefined || after.base64 !== undefined) {
    if (before.base64 !== after.base64) say('body', sizeOf(before), sizeOf(after))
    return found
  }
  const [first, second] = [toJson(before.text), toJson(after.text)]
  if (first === undefined || second === undefined) {
    if (before.text !== after.text && !before.text.includes(hidden)) say('body', before.text, after.text)
    return found
  }
  compare(first.value, second.value, 'body')
  return found

  function compare(from: unknown, to: unknown, at: string): void {
    if (found.length >= mostDifferences || Object.is(from, to) || (typeof from === 'string' && from.includes(hidden))) return
    if (Array.isArray(from) && Array.isArray(to)) {
      if (from.length !== to.length) found.push(`${at}: ${from.length} → ${to.length} items`)
      for (let index = 0; index < Math.min(from.length, to.length); index++) compare(from[index], to[index], `${at}[${index}]`)
      return
    }
    if (isRecord(from) && isRecord(to)) {
      for (const name of new Set([...Object.keys(from), ...Object.keys(to)])) compare(from[name], to[name], `${at}.${name}`)
      return
    }
    say(at, from, to)
  }
}

function sizeOf({ text, base64 }: CaseAnswer): string {
  return base64 === undefined ? text : `${Buffer.byteLength(base64, 'base64')} bytes`
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function toJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}

function shown(value: unknown): string {
  const text = value === undefined ? '—' : (JSON.stringify(value) ?? String(value))
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}
