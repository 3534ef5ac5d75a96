import { getProperty, parseMessagePath, PathError, pathToText, type PropertyPath } from './property.ts'

/**
 * Text with `{{payload.id}}` in it, read by property paths alone: no sections, no helpers, no code. It
 * renders in time linear in its length, in the host, without a sandbox.
 */
export interface PathTemplate {
  /** True when it holds no expression; `text` is the whole of it then. */
  readonly constant: boolean
  readonly text: string
  /** Literal text and paths in turn. */
  readonly parts: readonly (string | PropertyPath)[]
  /** The text for a message; `encode` makes text of a value, and may throw. */
  render(message: unknown, encode?: (value: unknown, path: PropertyPath) => string): string
}

/** A template that does not parse. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
}

/**
 * Parses a template. `{{{x}}}` and `{{&x}}` mean the same as `{{x}}`: how a value is escaped is decided
 * by where it stands, never by who wrote the template.
 * @throws TemplateError
 */
export function parsePathTemplate(text: string): PathTemplate {
  const parts: (string | PropertyPath)[] = []
  let at = 0
  for (let open = text.indexOf('{{'); open !== -1; open = text.indexOf('{{', at)) {
    if (open > at) parts.push(text.slice(at, open))
    const triple = text.startsWith('{{{', open)
    const close = text.indexOf(triple ? '}}}' : '}}', open)
    if (close === -1) throw new TemplateError(`“${text.slice(open, open + 40)}” has no closing ${triple ? '}}}' : '}}'}.`)
    parts.push(parseExpression(text.slice(open + (triple ? 3 : 2), close)))
    at = close + (triple ? 3 : 2)
  }
  if (at < text.length) parts.push(text.slice(at))
  const constant = parts.every((part) => typeof part === 'string')
  return {
    constant,
    text,
    parts,
    render(message, encode = toText) {
      if (constant) return text
      let rendered = ''
      for (const part of parts) rendered += typeof part === 'string' ? part : encode(getProperty(message, part), part)
      return rendered
    },
  }
}

function parseExpression(inner: string): PropertyPath {
  const expression = inner.replace(/^\s*&/, '').trim()
  if (/^[#^/>!=]/.test(expression)) throw new TemplateError(`“{{${inner}}}” is no property: only paths such as payload.id can stand between {{ and }}.`)
  try {
    return parseMessagePath(expression)
  } catch (error) {
    throw new TemplateError(error instanceof PathError ? error.message : String(error))
  }
}

/** Nothing is empty text, data is JSON, the rest is as it prints. */
export function toText(value: unknown): string {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return ''
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8')
  return typeof value === 'object' ? (JSON.stringify(value) ?? '') : String(value)
}

/** The path as the user wrote it, for a message. */
export function pathText(path: PropertyPath): string {
  return pathToText(path, {}) ?? 'the property'
}
