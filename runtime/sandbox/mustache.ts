import { fault } from '../core/fault.ts'

/*
 * Mustache without lambdas and partials, in the host. It runs in time linear in what it reads and writes:
 * tags are found with indexOf, names are looked up as own properties of plain data, no user code and no
 * user pattern runs, and both the work and the output have a ceiling. (The mustache package has none:
 * nested sections over one list multiply without writing a character.)
 */

export type Token =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly name: string; readonly raw: boolean }
  | { readonly kind: 'section'; readonly name: string; readonly inverted: boolean; readonly inside: readonly Token[] }

/** @throws Fault `template.error` with the line of an unclosed tag or section */
export function parseTemplate(text: string): readonly Token[] {
  let open = '{{'
  let close = '}}'
  let at = 0
  const root: Token[] = []
  const stack: { name: string; inverted: boolean; outer: Token[]; at: number }[] = []
  let tokens = root
  const fail = (message: string, where: number): never => {
    const line = text.slice(0, where).split('\n').length
    throw fault('template.error', { message: `${message} (line ${line})`, line })
  }
  while (at < text.length) {
    const start = text.indexOf(open, at)
    if (start < 0) {
      tokens.push({ kind: 'text', text: text.slice(at) })
      break
    }
    const triple = open === '{{' && text[start + 2] === '{'
    const ending = triple ? '}}}' : close
    const inside = start + open.length
    const kind = triple ? '{' : (text.slice(inside).match(/^\s*([#^/!&=>])/)?.[1] ?? '')
    const endMark = kind === '=' ? `=${close}` : ending
    const from = triple ? start + 3 : inside
    const end = text.indexOf(endMark, from)
    if (end < 0) fail('A tag is not closed', start)
    const content = text.slice(from, end)
    const name = (triple ? content : kind ? content.slice(content.indexOf(kind) + 1) : content).trim()
    let after = end + endMark.length
    let before = text.slice(at, start)
    if (kind && kind !== '{' && kind !== '&') {
      // a tag alone on its line takes the line with it
      const lineStart = text.lastIndexOf('\n', start - 1) + 1
      const lineEnd = text.indexOf('\n', after)
      const rest = text.slice(after, lineEnd < 0 ? text.length : lineEnd)
      if (isBlank(text.slice(lineStart, start)) && isBlank(rest) && lineStart >= at - 0) {
        before = text.slice(at, Math.max(at, lineStart))
        after = lineEnd < 0 ? text.length : lineEnd + 1
      }
    }
    if (before) tokens.push({ kind: 'text', text: before })
    switch (kind) {
      case '#':
      case '^':
        stack.push({ name, inverted: kind === '^', outer: tokens, at: start })
        tokens = []
        break
      case '/': {
        const section = stack.pop()
        if (!section) return fail(`The section “${name}” is closed but never opened`, start)
        if (section.name !== name) fail(`The section “${section.name}” is closed by “${name}”`, start)
        section.outer.push({ kind: 'section', name, inverted: section.inverted, inside: tokens })
        tokens = section.outer
        break
      }
      case '!':
      case '>':
        break
      case '=': {
        const [first, second, ...more] = name.split(/\s+/)
        if (!first || !second || more.length > 0) return fail('Delimiters are two words', start)
        open = first
        close = second
        break
      }
      default:
        tokens.push({ kind: 'value', name, raw: kind !== '' })
    }
    at = after
  }
  const left = stack.at(-1)
  if (left) fail(`The section “${left.name}” is not closed`, left.at)
  return root
}

const isBlank = (text: string): boolean => text.trim() === ''

export interface RenderRules {
  escape(value: string): string
  /** A name that no view has; undefined writes nothing. */
  missing(name: string): unknown
  /** How a string is written before escaping. */
  string?(value: string): string
  readonly outputLimit: number
  readonly stepLimit: number
}

/** @throws Fault `template.error` when the limits of output or work are passed */
export function renderTemplate(tokens: readonly Token[], view: unknown, rules: RenderRules): string {
  let out = ''
  let steps = 0
  const views: unknown[] = [view]

  const lookup = (name: string): unknown => {
    if (name === '.') return views.at(-1)
    const names = name.split('.')
    for (let i = views.length - 1; i >= 0; i--) {
      if (++steps > rules.stepLimit) tooMuch()
      let value: unknown = views[i]
      let found = true
      for (let k = 0; k < names.length && found; k++) {
        const key = names[k] as string
        if (hasOwn(value, key)) value = (value as Record<string, unknown>)[key]
        else found = false
      }
      if (found) return value
    }
    return rules.missing(name)
  }
  const tooMuch = (): never => {
    throw fault('template.error', { message: 'it takes too much work; its sections are nested over long lists' })
  }
  const write = (text: string): void => {
    out += text
    if (out.length > rules.outputLimit) throw fault('template.error', { message: `it writes more than ${rules.outputLimit} characters` })
  }
  const render = (list: readonly Token[], depth: number): void => {
    for (const token of list) {
      if (++steps > rules.stepLimit) tooMuch()
      if (token.kind === 'text') write(token.text)
      else if (token.kind === 'value') {
        const value = lookup(token.name)
        if (value === undefined || value === null) continue
        const text = typeof value === 'string' ? (rules.string?.(value) ?? value) : display(value)
        write(token.raw ? text : rules.escape(text))
      } else {
        const value = lookup(token.name)
        const empty = !value || (Array.isArray(value) && value.length === 0)
        if (token.inverted) {
          if (empty) render(token.inside, depth + 1)
        } else if (Array.isArray(value)) {
          for (const item of value) within(item, token.inside, depth)
        } else if (!empty) {
          if (typeof value === 'object' || typeof value === 'string' || typeof value === 'number') within(value, token.inside, depth)
          else render(token.inside, depth + 1)
        }
      }
    }
  }
  const within = (item: unknown, inside: readonly Token[], depth: number): void => {
    if (++steps > rules.stepLimit) tooMuch()
    views.push(item)
    render(inside, depth + 1)
    views.pop()
  }
  render(tokens, 0)
  return out
}

function hasOwn(value: unknown, key: string): boolean {
  if (value === null || value === undefined) return false
  if (key === 'length' && (typeof value === 'string' || Array.isArray(value))) return true
  return typeof value === 'object' && Object.hasOwn(value, key)
}

function display(value: unknown): string {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date) && !Buffer.isBuffer(value)) return '[object Object]'
  if (Array.isArray(value)) return value.map((item) => (item === null || item === undefined ? '' : display(item))).join(',')
  return String(value)
}

const htmlEntities: Readonly<Record<string, string>> = {
  '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;', '/': '&#x2F;', '`': '&#x60;', '=': '&#x3D;',
}

/** As mustache escapes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"'`=/]/g, (c) => htmlEntities[c] as string)
