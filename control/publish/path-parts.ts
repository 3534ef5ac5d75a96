/** A path as it is published and as it is called, from one with `{id}` or `:id` in it. */
export interface PathParts {
  /** As `http in` has it: `/orders/:id`. */
  readonly route: string
  /** As `service callout` has it: `/orders/{{req.params.id}}`. */
  readonly target: string
  /** Names of parameters as they were written. */
  readonly names: readonly string[]
}

/** What cannot be served, as a sentence with a remedy. */
export class PathProblem extends Error {
  readonly remedy: string
  constructor(message: string, remedy: string) {
    super(message)
    this.remedy = remedy
  }
}

/**
 * Reads a path template. In documents parameters stand in braces (OpenAPI 3.1 §4.8.8); in what people type also behind a colon.
 * @throws PathProblem
 */
export function parsePath(text: string, colons: boolean): PathParts {
  const shown = text.slice(0, 200)
  if (!text.startsWith('/')) throw new PathProblem(`The path “${shown}” does not begin with a slash.`, 'Write it as /orders.')
  if (/[?#]/.test(text)) throw new PathProblem(`The path “${shown}” holds a ? or #, so that no request could ever match it.`, 'Query parameters are no part of a path: they are passed on by themselves.')
  // eslint-disable-next-line no-control-regex -- control characters are what is kept out
  if (/[\s\u0000-\u001f\u007f\\]/.test(text)) throw new PathProblem(`The path “${shown}” holds a blank, a backslash or a control character.`, 'Write it percent-encoded, or without.')
  if (/\/\//.test(text)) throw new PathProblem(`The path “${shown}” has an empty segment.`, 'Write one slash where there are two.')
  // The rest of a path, however long: where people write it themselves.
  const whole = colons && text.endsWith('/*')
  const names: string[] = []
  const used = new Set<string>()
  let route = ''
  let target = ''
  const pattern = colons ? /\{([^{}]*)\}|:(\w+)|([^{}:]+)|(.)/gs : /\{([^{}]*)\}|()([^{}:]+)|(.)/gs
  let afterParameter = false
  for (const [, braced, coloned, literal, stray] of (whole ? text.slice(0, -1) : text).matchAll(pattern)) {
    const name = braced ?? (coloned === '' ? undefined : coloned)
    if (stray !== undefined) throw new PathProblem(`The path “${shown}” holds “${stray}” where it cannot be served.`, stray === ':' ? 'A colon cannot be part of a path here. Leave this operation out, or let the service answer under another path.' : 'A parameter stands in braces, as /orders/{id}.')
    if (name === undefined) {
      const plain = literal as string
      if (/[*+()|?]/.test(plain)) throw new PathProblem(`The path “${shown}” holds “${/[*+()|?]/.exec(plain)?.[0]}”, which has a meaning of its own in routes.`, colons ? 'Name each part that varies as a parameter, as /files/:name; * stands for the rest at the end, as /files/*.' : 'Name each part that varies as a parameter, as /files/{name}.')
      // A dot or hyphen ends a parameter's name, anything else would become part of it.
      if (afterParameter && !/^[/.-]/.test(plain)) throw new PathProblem(`In the path “${shown}” a parameter is followed by “${plain.slice(0, 20)}”.`, 'Let a parameter end at a slash, a dot or a hyphen.')
      route += plain
      target += toEncoded(plain)
      afterParameter = false
      continue
    }
    if (afterParameter) throw new PathProblem(`In the path “${shown}” two parameters stand together.`, 'Put a slash, a dot or a hyphen between them.')
    if (name.trim() === '') throw new PathProblem(`The path “${shown}” holds a parameter without a name.`, 'Name it, as /orders/{id}.')
    if (names.includes(name)) throw new PathProblem(`The path “${shown}” has the parameter “${name}” twice.`, 'Give each its own name.')
    const safe = toName(name, used)
    names.push(name)
    route += `:${safe}`
    target += `{{req.params.${safe}}}`
    afterParameter = true
  }
  return whole ? { route: `${route}*`, target: `${target}{{+req.params["*"]}}`, names: [...names, '*'] } : { route, target, names }
}

/** A name that routes and templates take. */
function toName(name: string, used: Set<string>): string {
  const plain = name.replace(/\W/g, '_').replace(/^(?=\d)/, '_').slice(0, 60)
  let safe = plain
  for (let number = 2; used.has(safe) || ['__proto__', 'constructor', 'prototype'].includes(safe); number++) safe = `${plain}_${number}`
  used.add(safe)
  return safe
}

/** Literal text of a URL, with what is encoded already left as it is. */
function toEncoded(text: string): string {
  return encodeURI(text.toWellFormed()).replace(/%25(?=[0-9a-f]{2})/gi, '%')
}

/** Paths put together with one slash between; `/` is nothing. */
export function joinPaths(before: string, after: string): string {
  const joined = `${before.replace(/\/+$/, '')}/${after.replace(/^\/+/, '')}`
  return joined === '' ? '/' : joined
}

/** The same for two routes that answer the same requests. */
export function toRouteKey(method: string, path: string): string {
  return `${method} ${path.replaceAll(/:\w+/g, ':').toLowerCase().replace(/(.)\/+$/, '$1')}`
}
