/**
 * Route paths as people type them in an `http in` node (Express 4, path-to-regexp 0.1), as patterns that
 * find-my-way can hold. What cannot be said in a pattern is a {@link PathProblem} with a remedy.
 */
export interface PathProblem {
  readonly reason: string
}

/** One pattern of a path. A path with optional parts has several. */
export interface Pattern {
  /** find-my-way syntax, decoded, without trailing slash (except `/`). */
  readonly path: string
  /** Equal for two patterns that answer the same paths: lower case, without parameter names. */
  readonly canonical: string
  /** First path segment in lower case when it is fixed, else `undefined`. */
  readonly shard: string | undefined
  /** True if nothing in it varies. */
  readonly fixed: boolean
}

const mostOptionalParts = 5

/** The patterns of a path. Pure. */
export function toPatterns(path: string): readonly Pattern[] | PathProblem {
  const rooted = path.startsWith('/') ? path : `/${path}`
  const expanded = expandOptional(decode(rooted))
  if (!Array.isArray(expanded)) return expanded as PathProblem
  const patterns: Pattern[] = []
  for (const one of expanded) {
    const trimmed = trimSlash(one)
    const problem = problemOf(trimmed)
    if (problem) return { reason: `The path “${path}” cannot be served: ${problem}` }
    patterns.push(toPattern(trimmed))
  }
  return patterns
}

function toPattern(path: string): Pattern {
  const canonical = path.replaceAll(/:(\w+)/g, ':').toLowerCase()
  const end = path.indexOf('/', 1)
  const first = end === -1 ? path.slice(1) : path.slice(1, end)
  const fixed = !/[:*]/.test(path)
  return { path, canonical, shard: /[:*]/.test(first) ? undefined : first.toLowerCase(), fixed }
}

function decode(path: string): string {
  try {
    return decodeURI(path)
  } catch {
    return path // a lone % is a character like any other in a path that was typed by hand
  }
}

/** `/a/` and `/a` are one path, as in Express without strict routing. */
export function trimSlash(path: string): string {
  return path.length > 1 && path.charCodeAt(path.length - 1) === 47 ? path.slice(0, -1) : path
}

/** `:b?`, `(ab)?` and `c?`: each optional part doubles the patterns. */
function expandOptional(path: string): string[] | PathProblem {
  const optional = /\/:\w+(?:\([^)]*\))?\?|:\w+(?:\([^)]*\))?\?|\((?!\?)[^()|*+?:\\]*\)\?|[\w-]\?/
  let open = [path]
  const done: string[] = []
  for (let round = 0; open.length > 0; round++) {
    if (round > mostOptionalParts) return { reason: `The path “${path}” has more than ${mostOptionalParts} optional parts. Use several http in nodes.` }
    const next: string[] = []
    for (const one of open) {
      const found = optional.exec(one)
      if (!found) {
        done.push(one)
        continue
      }
      const part = found[0].slice(0, -1)
      const before = one.slice(0, found.index)
      const after = one.slice(found.index + found[0].length)
      next.push(before + (part.startsWith('(') ? part.slice(1, -1) : part) + after, before + after || '/')
    }
    open = next
  }
  return [...new Set(done)]
}

/** Why find-my-way could not hold this pattern, as the end of a sentence, with what to do. */
function problemOf(path: string): string | undefined {
  const star = path.indexOf('*')
  const bare = path.replaceAll(/:\w+\((?:[^()\\]|\\.|\(\?:[^()]*\))*\)/g, ':x')
  if (bare.includes('*') && bare.indexOf('*') !== bare.length - 1) {
    return 'a wildcard * may only stand at the end. Name the part in the middle (“:part”), or end the path with *.'
  }
  if (star === -1 && path.includes('?')) return 'a ? may only follow a parameter, a letter or a group. Remove it.'
  if (/[()+\\|]/.test(bare)) return 'regular expressions are only taken as “:name(expression)” without groups in it. Use a named parameter and check it in the flow.'
  if (bare.includes('?')) return 'a ? may only follow a parameter, a letter or a group. Remove it.'
  for (const [, name] of bare.matchAll(/:([^/.\-(*]*)/g)) {
    if (!/^\w+$/.test(name ?? '')) return `“:${name}” is no parameter name. Names hold letters, digits and _.`
  }
  const names = [...path.matchAll(/:(\w+)/g)].map((found) => found[1])
  if (new Set(names).size !== names.length) return 'a parameter name is used twice. Give each its own name.'
  for (const [, expression] of path.matchAll(/:\w+\(((?:[^()\\]|\\.|\(\?:[^()]*\))*)\)/g)) {
    if (expression?.includes('/')) return 'an expression of a parameter cannot reach over a slash. Use two parameters.'
  }
  return undefined
}
