import type { Problem } from '../../runtime/core/flow.ts'
import { methods } from '../../runtime/core/http/methods.ts'
import { problem } from '../consumers/check.ts'
import type { ApiRegistration } from './contract.ts'
import { isServed, type Operation } from './operation.ts'
import { parsePath, PathProblem, type PathParts } from './path-parts.ts'
import { refuseProblems } from './problems.ts'
import { whyNoUpstream } from './upstream-url.ts'

/**
 * The routes of an API that stands before one URL.
 * @throws Refused `record.invalid` 422
 */
export function fromUrl({ url = '', path, methods: wanted = ['GET'] }: ApiRegistration): { operations: readonly Operation[]; warnings: readonly Problem[] } {
  const [head, target, query] = splitUrl(url)
  const why = whyNoUpstream(head)
  if (why !== undefined || query.includes('{{')) refuseProblems([problem('/url', why ?? 'The query of the URL holds an expression.', 'Write it as https://host/path; {id} in its path is a parameter.')])
  const called = tryPath(target === '' ? '/' : target, '/url')
  const published = path === undefined ? called : tryPath(path, '/path')
  if (published.names.includes('*') && !called.names.includes('*')) {
    refuseProblems([problem('/url', 'The path ends with *, and the URL does not say where the rest goes.', 'End the URL with /* as well.')])
  }
  const unknown = called.names.filter((name) => !published.names.includes(name))
  if (unknown.length > 0) refuseProblems([problem('/path', `The URL needs “${unknown[0]}”, which the path does not have.`, `Name it in the path, as ${published.route.replace(/\/$/, '')}/${unknown[0] === '*' ? '*' : `:${unknown[0]}`}.`)])
  const unused = published.names.filter((name) => !called.names.includes(name))
  const upstream = `${head}${target === '' ? '' : rename(called, published)}${query}`
  return {
    operations: [...new Set(wanted)].map((method) => {
      if (!isServed(method)) refuseProblems([problem('/methods', `“${method}” is no method that can be served.`, `There are ${methods.join(', ')}.`)])
      return { method, path: published.route, upstream, name: hostOf(head), headers: [], pointer: '/url' }
    }),
    warnings: unused.map((name) => ({ ...problem('/path', `The parameter “${name}” of the path is not passed on.`, `Put {${name}} into the URL where the service expects it.`), severity: 'warning' })),
  }
}

/** Origin, path and query; what a `${NAME}` stands for belongs to the origin. */
function splitUrl(url: string): readonly [string, string, string] {
  const plain = url.trim().split('#', 1)[0] as string
  const [, head = '', target = '', query = ''] = /^((?:\$\{[^}]*\}|[a-z][a-z0-9+.-]*:\/\/)?[^/?]*)([^?]*)(.*)$/is.exec(plain) ?? []
  return [head, target, query]
}

/** Says on the canvas what is called; nothing for an address that comes from the environment. */
function hostOf(head: string): string {
  return URL.canParse(head) ? new URL(head).host.slice(0, 40) : ''
}

function tryPath(text: string, pointer: string): PathParts {
  try {
    return parsePath(text, true)
  } catch (thrown) {
    if (thrown instanceof PathProblem) refuseProblems([problem(pointer, thrown.message, thrown.remedy)])
    throw thrown
  }
}

/** The path that is called, with parameters as the published one names them: both read the same names in the same way, unless one had to be made unlike another. */
function rename(called: PathParts, published: PathParts): string {
  const routeNames = (parts: PathParts) => [...parts.route.matchAll(/:(\w+)/g)].map(([, name]) => name as string)
  const from = routeNames(called)
  const to = routeNames(published)
  return called.target.replaceAll(/\{\{req\.params\.(\w+)\}\}/g, (_, name: string) => `{{req.params.${to[published.names.indexOf(called.names[from.indexOf(name)] as string)]}}}`)
}
