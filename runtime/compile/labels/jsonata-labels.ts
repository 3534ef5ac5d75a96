import { LabelMap, unionOf } from '../../core/labels/label-map.ts'
import { every } from '../../core/labels/label-path.ts'
import { asValue, flat, itemsOf, nameBelow } from '../../core/labels/through-lists.ts'
import { parseJsonata } from '../../core/syntax/jsonata-tree.ts'

/** A node of the parser's tree. */
interface Node {
  readonly type: string
  readonly value?: unknown
  readonly steps?: readonly Node[]
  readonly stages?: readonly Node[]
  readonly predicate?: readonly Node[]
  readonly group?: { readonly lhs: readonly (readonly [Node, Node])[] }
  readonly lhs?: unknown
  readonly rhs?: Node
  readonly expression?: Node
  readonly expressions?: readonly Node[]
  readonly condition?: Node
  readonly then?: Node
  readonly else?: Node
  readonly arguments?: readonly Node[]
  readonly procedure?: Node
  readonly body?: Node
  readonly update?: Node
  readonly focus?: string
  readonly keepArray?: boolean
}

/** What stands for what while an expression is read. */
interface Around {
  readonly root: LabelMap
  /** The value that names are looked up in. */
  readonly input: LabelMap
  readonly names: ReadonlyMap<string, LabelMap>
  /** Every name that the expression gives, wherever it does. */
  readonly given: ReadonlySet<string>
}

/** Functions whose result says of their arguments how many, whether, or of what kind. */
const telling: ReadonlySet<unknown> = new Set(['boolean', 'contains', 'count', 'env', 'exists', 'flowContext', 'globalContext', 'length', 'millis', 'not', 'now', 'random', 'type'])
/**
 * Functions that take what stands around the call in place of an argument that is left out (`payload.id.$uppercase()`), by their signatures:
 * how many arguments they must have with it, and how many they may have.
 */
const onContext: ReadonlyMap<unknown, readonly [must: number, may: number]> = new Map<unknown, readonly [number, number]>([
  ...['abs', 'base64decode', 'base64encode', 'ceil', 'clone', 'decodeUrl', 'decodeUrlComponent', 'encodeUrl', 'encodeUrlComponent', 'floor', 'keys', 'lowercase', 'number', 'spread', 'sqrt', 'trim', 'uppercase'].map((name) => [name, [1, 1]] as const),
  // Of two that could be either, the first is taken: one is enough.
  ...['formatBase', 'round', 'string', 'toMillis'].map((name) => [name, [1, 1]] as const),
  ...['each', 'formatInteger', 'lookup', 'parseInteger', 'power', 'substringAfter', 'substringBefore'].map((name) => [name, [2, 2]] as const),
  ...['formatNumber', 'match', 'pad', 'split', 'substring'].map((name) => [name, [2, 3]] as const),
  ['fromMillis', [1, 3]], ['replace', [3, 4]], ['sift', [1, 2]],
])
const comparing: ReadonlySet<unknown> = new Set(['=', '!=', '<', '<=', '>', '>=', 'in', 'and', 'or'])

/**
 * What the result of a JSONata expression carries, read from its syntax tree: fields of objects that it makes one by one, and the
 * union of what is read for what is computed. `root` is what `$$` means. What it does not know gets everything there is.
 */
export function labelsOfJsonata(text: string, root: LabelMap, names: Readonly<Record<string, LabelMap>> = {}): LabelMap {
  const known = new Map(Object.entries(names))
  if (root.isEmpty && [...known.values()].every((value) => value.isEmpty)) return LabelMap.none
  let tree: Node
  try {
    tree = parseJsonata(text) as unknown as Node
  } catch {
    return unionOf([root, ...known.values()]).anywhere
  }
  return read(tree, { root, input: root, names: known, given: namesGivenIn(tree) })
}

function read(node: Node, around: Around): LabelMap {
  const value = readPlain(node, around)
  const filtered = node.predicate ? value.and(itemsOf(value)) : value
  return node.group ? readObject(node.group.lhs, { ...around, input: filtered.and(itemsOf(filtered)) }) : filtered
}

function readPlain(node: Node, around: Around): LabelMap {
  const args = () => (node.arguments ?? []).map((one) => read(one, around))
  switch (node.type) {
    case 'string':
    case 'number':
    case 'value':
    case 'regex':
      return LabelMap.none
    case 'path':
      return readPath(node, around)
    case 'name':
      return readPath({ type: 'path', steps: [node] }, around)
    case 'variable':
      return readVariable(String(node.value), around)
    case 'unary':
      if (node.value === '{') return readObject(node.lhs as readonly (readonly [Node, Node])[], around)
      if (node.value === '[') return unionOf((node.expressions ?? []).map((one) => flat(read(one, around)).under([every])))
      return node.expression ? read(node.expression, around).anywhere : everything(around)
    case 'binary':
      return comparing.has(node.value) ? LabelMap.none : unionOf([read(node.lhs as Node, around), read(node.rhs as Node, around)]).anywhere
    case 'condition':
      return unionOf([node.then, node.else].flatMap((one) => (one ? [read(one, around)] : [])))
    case 'block':
      return readBlock(node.expressions ?? [], around)
    case 'bind':
      return read(node.rhs as Node, around)
    case 'lambda':
      return read(node.body as Node, withNames(around, (node.arguments ?? []).map(({ value }) => [String(value), LabelMap.none])))
    case 'function':
      return readCall(node, args(), around)
    case 'partial':
      return unionOf([...args(), node.procedure ? read(node.procedure, around) : LabelMap.none]).anywhere
    case 'apply':
      return readApply(node, around)
    default:
      return everything(around)
  }
}

/** A path goes through lists without saying so, and gives a list or a single value: what came out of a list may be either. */
function readPath(node: Node, around: Around): LabelMap {
  let plain = around.input
  let listed = LabelMap.none
  let { names } = around
  let keepArray = false
  for (const [index, step] of (node.steps ?? []).entries()) {
    const before = { plain, listed }
    keepArray ||= step.keepArray === true
    if (step.type === 'name') ({ plain, listed } = nameBelow(before, String(step.value)))
    else if (index === 0 && step.type === 'variable') plain = readPlain(step, { ...around, names })
    else if (step.type === 'wildcard') {
      listed = unionOf([plain, listed, itemsOf(plain), itemsOf(listed)]).at([every])
      plain = LabelMap.none
    } else if (step.type === 'descendant') {
      listed = plain.and(listed).anywhere
      plain = LabelMap.none
    } else if (step.type === 'sort') {
      listed = listed.and(itemsOf(plain))
    } else if (step.type === 'parent') {
      listed = everything(around)
    } else {
      // Computed for each item, or once: nobody sees which.
      const made = readPlain(step, { ...around, names, input: unionOf([plain, listed, itemsOf(plain), itemsOf(listed)]) })
      plain = made
      listed = index === 0 ? LabelMap.none : made
    }
    if (step.stages || step.predicate) listed = listed.and(itemsOf(plain))
    if (step.focus !== undefined) {
      names = new Map([...names, [step.focus, plain.and(listed)]])
      plain = before.plain.and(plain)
      listed = before.listed.and(listed)
    }
  }
  return keepArray ? unionOf([plain, plain.under([every]), listed.under([every])]) : asValue({ plain, listed })
}

function readVariable(name: string, around: Around): LabelMap {
  if (name === '') return around.input
  if (name === '$') return around.root
  // One that was given somewhere within another expression.
  return around.names.get(name) ?? (around.given.has(name) ? everything(around) : LabelMap.none)
}

function readObject(pairs: readonly (readonly [Node, Node])[], around: Around): LabelMap {
  return unionOf(
    pairs.flatMap(([key, value]) => {
      const fixed = key.type === 'string'
      return [read(value, around).under([fixed ? String(key.value) : every]), ...(fixed ? [] : [read(key, around).anywhere])]
    }),
  )
}

function readBlock(expressions: readonly Node[], around: Around): LabelMap {
  let inside = around
  let last = LabelMap.none
  for (const one of expressions) {
    last = read(one, inside)
    if (one.type === 'bind') inside = withNames(inside, [[String((one.lhs as Node).value), last]])
  }
  return last
}

function readCall({ procedure, arguments: given = [] }: Node, args: readonly LabelMap[], around: Around): LabelMap {
  const name = procedure?.type === 'variable' ? procedure.value : undefined
  const first = args[0] ?? LabelMap.none
  const own = typeof name === 'string' && around.names.has(name)
  if (!own && telling.has(name)) return LabelMap.none
  if (takesContext(name, given, own, around)) return unionOf([...args, around.input, procedure ? read(procedure, around) : LabelMap.none]).anywhere
  const [, second] = given
  if (!own && (name === 'map' || name === 'filter') && second?.type === 'lambda') {
    if (name === 'filter') return first.and(itemsOf(first))
    const [item, , whole] = (second.arguments ?? []).map(({ value }) => String(value))
    const made = read(second.body as Node, withNames(around, [
      ...(item === undefined ? [] : [[item, flat(first)] as const]),
      ...(whole === undefined ? [] : [[whole, first] as const]),
    ]))
    return made.and(made.under([every]))
  }
  if (!own && name === 'lookup' && second?.type === 'string') return flat(first).at([String(second.value)])
  if (!own && name === 'merge') return flat(first)
  if (!own && name === 'append') return unionOf(args.flatMap((one) => [one, flat(one).under([every])]))
  // A text may hold an expression that reads what stands around it.
  if (!own && name === 'eval') return everything(around)
  return unionOf([...args, procedure ? read(procedure, around) : LabelMap.none]).anywhere
}

/** Whether a call may take what stands around it as an argument. */
function takesContext(name: unknown, given: readonly Node[], own: boolean, { input, root }: Around): boolean {
  // Nobody looks into the signature of a function that the expression gives a name itself.
  if (own) return given.every(({ type }) => literals.has(type))
  const [must, may] = onContext.get(name) ?? [0, 0]
  if (given.length < must) return true
  // Then a value that is no text and no number decides: around the whole expression stands the message, which is neither.
  return given.length < may && (input !== root || name === 'sift') && given[0] !== undefined && given[0].type !== 'path'
}

const literals: ReadonlySet<string> = new Set(['string', 'number', 'value', 'regex'])

function namesGivenIn(tree: unknown, found = new Set<string>(), seen = new Set<unknown>()): ReadonlySet<string> {
  if (typeof tree !== 'object' || tree === null || seen.has(tree)) return found
  seen.add(tree)
  const { type, lhs } = tree as Partial<Node>
  if (type === 'bind') found.add(String((lhs as Node).value))
  for (const part of Object.values(tree)) namesGivenIn(part, found, seen)
  return found
}

function readApply({ lhs, rhs }: Node, around: Around): LabelMap {
  const given = read(lhs as Node, around)
  if (rhs?.type === 'function') return readCall({ ...rhs, arguments: [lhs as Node, ...(rhs.arguments ?? [])] }, [given, ...(rhs.arguments ?? []).map((one) => read(one, around))], around)
  if (rhs?.type === 'transform' && rhs.update) return given.and(read(rhs.update, { ...around, input: given.anywhere }).anywhere)
  return unionOf([given, rhs ? read(rhs, around) : LabelMap.none]).anywhere
}

function everything({ root, input, names }: Around): LabelMap {
  return unionOf([root, input, ...names.values()]).anywhere
}

function withNames(around: Around, more: readonly (readonly [string, LabelMap])[]): Around {
  return { ...around, names: new Map([...around.names, ...more]) }
}
