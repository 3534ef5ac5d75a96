import { parseJsonata } from '../core/syntax/jsonata-tree.ts'

/** What of its input an expression can see. */
export interface ExpressionInputs {
  /** Paths of names from what `$` is at the beginning; what lies at the end of one is seen whole. */
  readonly paths: readonly (readonly string[])[]
  /** The same from the variable `$message`. */
  readonly messagePaths: readonly (readonly string[])[]
  /** It may look at all of what `$` is at the beginning. */
  readonly whole: boolean
}

/** Least arguments with which a function does not take what `$` is as one, for functions that take anything or an object there. */
const leastArguments: Readonly<Record<string, number>> = { string: 1, boolean: 1, not: 1, spread: 1, keys: 1, each: 2, sift: 2, lookup: 2, clone: 1 }

/** Functions whose result is that of their arguments alone. What is not here is not taken to be so: clock, chance, contexts, `$eval`. */
const pure: ReadonlySet<string> = new Set([
  ...Object.keys(leastArguments),
  'sum', 'count', 'max', 'min', 'average', 'substring', 'substringBefore', 'substringAfter', 'lowercase', 'uppercase', 'length', 'trim', 'pad', 'match', 'contains', 'replace', 'split', 'join',
  'formatNumber', 'formatBase', 'formatInteger', 'parseInteger', 'number', 'floor', 'ceil', 'round', 'abs', 'sqrt', 'power',
  'map', 'zip', 'filter', 'single', 'reduce', 'append', 'exists', 'merge', 'reverse', 'error', 'assert', 'type', 'sort', 'distinct',
  'base64encode', 'base64decode', 'encodeUrlComponent', 'encodeUrl', 'decodeUrlComponent', 'decodeUrl', 'toMillis', 'fromMillis',
])
/** May be what somebody calls a variable; as names of functions they are not pure. */
const impure: ReadonlySet<string> = new Set(['now', 'millis', 'random', 'shuffle', 'eval', 'flowContext', 'globalContext', 'env', 'moment'])
const known: ReadonlySet<string> = new Set(['path', 'name', 'variable', 'string', 'number', 'value', 'regex', 'unary', 'binary', 'block', 'bind', 'condition', 'function', 'lambda', 'partial', 'apply', 'operator', 'sort', 'filter', 'wildcard', 'descendant', 'coalesce'])

interface Node {
  readonly type?: string
  readonly value?: unknown
  readonly steps?: readonly Node[]
  readonly arguments?: readonly Node[]
  readonly procedure?: Node
  readonly rhs?: Node
  readonly [key: string]: unknown
}

/**
 * What an expression can see, when its syntax tree proves that it computes from that alone. `undefined`: it asks the clock or a
 * context, or cannot be seen through. A path inside another expression counts as one from the beginning as well: that adds what
 * is not seen and leaves nothing out.
 */
export function inputsOf(text: string): ExpressionInputs | undefined {
  let tree: Node
  try {
    tree = parseJsonata(text) as Node
  } catch {
    return undefined
  }
  const paths = new Map<string, readonly string[]>()
  const messagePaths = new Map<string, readonly string[]>()
  const own = new Set<string>()
  let whole = false
  let plain = true

  function refuse(): void {
    plain = false
  }

  function note(names: readonly string[], first: Node | undefined): void {
    const variable = first?.type === 'variable' ? first.value : ''
    if (variable === 'message') {
      if (names.length === 0) refuse()
      else messagePaths.set(JSON.stringify(names), names)
    } else if (names.length === 0) whole = true
    else paths.set(JSON.stringify(names), names)
  }

  function visitPath(path: Node): void {
    const { steps = [] } = path
    const [first] = steps
    const rooted = first?.type === 'variable' && (first.value === '' || first.value === '$' || first.value === 'message')
    const names: string[] = []
    let open = rooted || first?.type === 'name'
    // Filters of the first step see it whole.
    if (rooted && hasMore(first)) open = false
    for (const step of rooted ? steps.slice(1) : steps) {
      if (!open) break
      if (step.type !== 'name') break
      names.push(String(step.value))
      if (hasMore(step)) open = false
    }
    if (rooted || first?.type === 'name') note(names, rooted ? first : undefined)
    else if (first?.type === 'wildcard' || first?.type === 'descendant') whole = true
    for (const [at, step] of steps.entries()) {
      if (step.type === 'name' || (at === 0 && rooted)) visitParts(step)
      else visit(step, at > 0 ? 'step' : 'plain')
    }
    visitParts(path, ['steps'])
  }

  function visit(node: Node, as: 'step' | 'applied' | 'plain'): void {
    const { type } = node
    if (type === undefined || !known.has(type) || node.ancestor !== undefined) return refuse()
    if (type === 'path') return visitPath(node)
    if (type === 'name') return visitPath({ type: 'path', steps: [node] })
    if (type === 'wildcard' || type === 'descendant') {
      if (as !== 'step') whole = true
      return
    }
    if (type === 'variable') {
      const name = String(node.value)
      if (name === '' || name === '$') whole = true
      else if (name === 'message' || impure.has(name)) refuse()
      return visitParts(node)
    }
    if (type === 'bind' && typeof (node.lhs as Node).value === 'string') {
      const name = String((node.lhs as Node).value)
      if (impure.has(name) || pure.has(name) || name === 'message') return refuse()
      own.add(name)
      return visit(node.rhs as Node, 'plain')
    }
    if (type === 'lambda') {
      for (const { value } of node.arguments ?? []) {
        if (impure.has(String(value)) || pure.has(String(value)) || value === 'message') return refuse()
        own.add(String(value))
      }
      return visit(node.body as Node, 'plain')
    }
    if (type === 'function' || type === 'partial') {
      const { procedure } = node
      if (procedure?.type !== 'variable') {
        if (procedure) visit(procedure, 'plain')
      } else if (!own.has(String(procedure.value))) {
        const name = String(procedure.value)
        const given = (node.arguments ?? []).length + (as === 'applied' ? 1 : 0)
        if (!pure.has(name) || (as !== 'step' && given < (leastArguments[name] ?? 0))) return refuse()
      }
      for (const one of node.arguments ?? []) visit(one, 'plain')
      return visitParts(node, ['arguments', 'procedure'])
    }
    if (type === 'apply') {
      visit(node.lhs as Node, 'plain')
      return visit(node.rhs as Node, 'applied')
    }
    visitParts(node)
  }

  function visitParts(node: Node, but: readonly string[] = []): void {
    for (const [name, part] of Object.entries(node)) {
      if (name === 'ancestor' || name === 'slot') refuse()
      else if (!but.includes(name) && typeof part === 'object' && part !== null && !(part instanceof RegExp)) visitPart(part)
    }
  }

  function visitPart(part: object): void {
    if (Array.isArray(part)) {
      for (const one of part as unknown[]) if (typeof one === 'object' && one !== null) visitPart(one)
    } else if ((part as Node).type !== undefined) visit(part as Node, 'plain')
    else visitParts(part as Node)
  }

  visit(tree, 'plain')
  return plain ? { paths: [...paths.values()], messagePaths: [...messagePaths.values()], whole } : undefined
}

/** Whether a step does more than go one name on: filters, groups, variables of its own. */
function hasMore(step: Node): boolean {
  return Object.keys(step).some((key) => key !== 'type' && key !== 'value' && key !== 'position')
}
