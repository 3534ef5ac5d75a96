import { functionOf } from './functions.ts'
import { prelude } from './prelude.ts'
import type { Row, RowStep } from './row.ts'
import { every, parseSource, type SourcePath } from './source-path.ts'
import { toLayout, type Branch } from './table.ts'
import { parseTarget } from './target.ts'

/** A table as JSONata. */
export interface Rendering {
  /** An expression for the node `transform`, with the meaning that the table has. */
  readonly text: string
  /** Functions of the table for which JSONata has no means; the expression then does not run. */
  readonly missing: readonly string[]
}

/** Words that JSONata would not take for names. */
const taken = new Set(['and', 'or', 'in', 'function', 'true', 'false', 'null'])

/** Renders checked rows as one JSONata expression over `$message`, with the definitions that it needs in front. */
export function toJsonata(rows: readonly Row[]): Rendering {
  const missing = new Set<string>()
  const body = renderTable(rows, 0, '', missing)
  const definitions = definitionsOf(body)
  // Below `$message`, one object: below a payload that is a list JSONata would do parts of it once for each item.
  const text = `$message.(\n${definitions.map((name) => `  $${name} := ${prelude[name]};\n`).join('')}  ${body.replaceAll('\n', '\n  ')}\n)`
  return { text, missing: [...missing] }
}

/** What a text uses of the prelude, each after what it uses itself. */
function definitionsOf(text: string): string[] {
  const found = new Set<string>()
  const visit = (code: string) => {
    for (const [, name] of code.matchAll(/\$([A-Za-z]\w*)/g)) {
      if (!Object.hasOwn(prelude, name!) || found.has(name!)) continue
      const own = prelude[name!]!
      if (own.includes(`$${name}(`)) found.add(name!) // it calls itself
      visit(own)
      found.add(name!)
    }
  }
  visit(text)
  return [...found]
}

/** A name of a row as a JSONata variable: one that cannot be mistaken for a function. */
function variable(name: string): string {
  return `$my_${name}`
}

function renderTable(rows: readonly Row[], depth: number, indent: string, missing: Set<string>): string {
  const inner = `${indent}  `
  const names = rows.flatMap((row) => {
    const target = parseTarget(row.to)
    return target?.kind === 'name' ? [`${variable(target.name)} := ${renderRow(row, depth, inner, missing)};`] : []
  })
  const layout = toLayout(rows)
  const body = 'whole' in layout ? renderRow(rows[layout.whole]!, depth, indent, missing) : renderBranch(layout.branch, rows, depth, names.length > 0 ? inner : indent, missing)
  return names.length === 0 ? body : `(\n${names.map((line) => `${inner}${line}\n`).join('')}${inner}${body}\n${indent})`
}

function renderBranch(branch: Branch, rows: readonly Row[], depth: number, indent: string, missing: Set<string>): string {
  const inner = `${indent}  `
  const fields = [...branch.fields].map(([name, below]) => `${inner}${JSON.stringify(name)}: ${typeof below === 'number' ? renderRow(rows[below]!, depth, inner, missing) : renderBranch(below, rows, depth, inner, missing)}`)
  const object = fields.length === 0 ? '{}' : `{\n${fields.join(',\n')}\n${indent}}`
  if (branch.spreads.length === 0) return object
  return [...branch.spreads.map((place) => renderRow(rows[place]!, depth, indent, missing)), object].reduce((all, one) => `$mergeObjects(${all}, ${one})`)
}

function renderRow(row: Row, depth: number, indent: string, missing: Set<string>): string {
  let text = row.from === undefined ? renderConstant(row.value) : renderSource(row.from, depth)
  for (const step of row.do ?? []) text = renderStep(step, text, depth, missing)
  if (row.default !== undefined) text = `$orElse(${text}, ${renderConstant(row.default)})`
  if (row.each) text = `$eachOf(${text}, function($item${depth + 1}, $position${depth + 1}) { ${renderTable(row.each, depth + 1, indent, missing)} })`
  return text
}

function renderStep(step: RowStep, value: string, depth: number, missing: Set<string>): string {
  const used = functionOf(step.function)
  if (!used?.jsonata) {
    missing.add(step.function)
    return `$${step.function}(${value})`
  }
  const constants: unknown[] = []
  const texts = used.arguments.map((one, i) => {
    const given = step.with?.[i] as { readonly value?: unknown; readonly from?: string } | undefined
    constants.push(given?.value === undefined ? one.default : given.value)
    if (given?.from !== undefined) return renderSource(given.from, depth)
    return one.kind === 'field' ? renderField(String(constants[i] ?? '')) : renderConstant(constants[i])
  })
  return used.jsonata(value, texts, constants)
}

function renderConstant(value: unknown): string {
  return value === undefined ? '$list.nothing' : JSON.stringify(value)
}

function renderField(text: string): string {
  const path = parseSource(text)
  return `function($f) { ${path ? renderPath('$f', path) : '$f'} }`
}

function renderSource(text: string, depth: number): string {
  const path = parseSource(text)
  if (!path) return '$list.nothing'
  const [first, ...rest] = path
  const name = String(first)
  if (name.startsWith('$')) return renderPath(variable(name.slice(1)), rest)
  if (depth > 0 && name === 'item') return renderPath(`$item${depth}`, rest)
  if (depth > 0 && name === 'position') return renderPath(`$position${depth}`, rest)
  if (depth > 1 && name === 'parent') return renderPath(`$item${depth - 1}`, rest)
  return renderPath('$message', path)
}

function renderPath(start: string, path: SourcePath): string {
  let text = start
  let asList = false
  for (const part of path) {
    if (part === every) asList = true
    else if (typeof part === 'number') {
      text = `$item(${text}, ${part})`
      asList = false
    } else if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(part) && !taken.has(part)) text += `.${part}`
    else text = part.includes('`') ? `$lookup(${text}, ${JSON.stringify(part)})` : `${text}.\`${part}\``
  }
  return asList ? `$list(${text})` : text
}
