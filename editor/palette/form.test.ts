import { expect, test } from 'vitest'
import { defineNode } from '../../runtime/core/node.ts'
import { definitions } from '../../nodes/index.ts'
import chineseFields from '../locales/zh-TW/fields.json' with { type: 'json' }
import { toAdditions, toForm, type Field, type FieldTexts } from './form.ts'
import { addFields, keepTypes, typesOfForm } from './stock-form.ts'
import { toFormHtml } from './own-form.ts'

const text = (en: string) => ({ en, 'zh-TW': en })
const node = (properties: object, required: string[] = []) =>
  defineNode({ type: 'probe', category: 'transform', label: text('probe'), summary: text('Probes.'), outputs: ['out'], config: { type: 'object', properties, required } })
const kinds = (properties: object) => toForm(node(properties), {}).fields.map((field) => [field.name, field.kind])

test('each kind of property gets the control that fits it', () => {
  expect(kinds({
    a: { type: 'string' }, b: { type: 'integer', minimum: 1 }, c: { type: 'boolean' }, d: { enum: ['x', 'y'] }, e: { type: 'string', 'x-form': 'expression' },
    f: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } }, g: { type: 'object' }, h: { type: 'string', 'x-config': 'tls-config' },
    i: { type: 'string', 'x-form': { control: 'jsonata' } }, j: { type: 'string', 'x-form': 'hidden' }, k: { oneOf: [{ const: 1, title: 'one' }] },
  })).toEqual([['a', 'text'], ['b', 'number'], ['c', 'boolean'], ['d', 'choice'], ['e', 'expression'], ['f', 'table'], ['g', 'json'], ['h', 'config'], ['i', 'expression'], ['k', 'choice']])
})

test('a property with a type beside it is one typed field, in rows of a table as well', () => {
  const pair = { value: { type: 'string' }, valueType: { enum: ['str', 'msg'], default: 'msg' } }
  const [typed, table] = toForm(node({ ...pair, rows: { type: 'array', items: { type: 'object', properties: pair } } }), {}).fields as [Field, Field]
  const wanted = { kind: 'typed', types: ['str', 'msg'], typeField: 'valueType', typeDefault: 'msg' }
  expect(typed).toMatchObject(wanted)
  expect(table.columns).toMatchObject([wanted])
})

test('a word of the node’s own among the types of a value is told in both languages, and its hint explains it', () => {
  const properties = { value: { type: 'string', description: 'From 0.' }, valueType: { enum: ['caller', 'num'], default: 'caller', description: 'caller: by the plan.' } }
  const [field] = toForm(node(properties), { valueType: { description: '呼叫者：依方案。', choices: { caller: '呼叫者' } }, value: { description: '從 0 起。' } }).fields
  expect(field).toMatchObject({ typeLabels: { caller: { en: 'caller', 'zh-TW': '呼叫者' } }, hint: { en: 'From 0. caller: by the plan.', 'zh-TW': '從 0 起。呼叫者：依方案。' } })
})

test('a choice is called by its own word where the schema has one, else by its value', () => {
  const [field] = toForm(node({ unit: { enum: ['day', 'total'], 'x-form': { choices: { total: 'in all' } } } }), { unit: { choices: { total: '總計' } } }).fields
  expect(field?.choices).toEqual([{ value: 'day', label: { en: 'day', 'zh-TW': 'day' } }, { value: 'total', label: { en: 'in all', 'zh-TW': '總計' } }])
})

test('a field says when it means something, and a credential how it is asked for', () => {
  const when = { kind: ['x'] }
  const [, field] = toForm(node({ kind: { enum: ['x', 'y'] }, more: { type: 'string', 'x-form': { when } } }), {}).fields
  expect(field).toMatchObject({ name: 'more', kind: 'text', when })
  const label = { en: 'Secret', 'zh-TW': '密碼' }
  const secretive = defineNode({
    type: 'probe', category: 'transform', label: text('probe'), summary: text('Probes.'), outputs: ['out'], credentials: { secret: 'password' },
    config: { type: 'object', properties: {}, 'x-credentials': { secret: { label, when } } },
  })
  expect(toForm(secretive, {}).credentialTexts).toEqual({ secret: { label, when } })
})

test('texts of a definition cannot end the script element they travel in', () => {
  const form = toForm(node({ a: { type: 'string', description: '</script><script>alert(1)</script>' } }), {})
  const html = toFormHtml(form, text('see </script> here'))
  expect(html.match(/<\/script>/g)).toHaveLength(4) // template, two helps, registration
})

test('types that are not offered leave a stock form file with template and registration', () => {
  const html = `<script type="text/html" data-template-name="a"></script><script>RED.nodes.registerType('a',{});RED.nodes.registerType("b",{})</script><script type="text/html" data-template-name="b"></script>`
  expect(keepTypes(html, new Set(['a', 'b']))).toBe(html)
  const kept = keepTypes(html, new Set(['a']))
  expect(typesOfForm(kept)).toEqual(['a'])
  expect(kept).toContain(`Sluice.ignoreType("b",{})`)
})

test('a stock form gets the fields it lacks, and its registration goes through the page', () => {
  const httpIn = definitions.find((one) => one.type === 'http in')!
  const additions = toAdditions(httpIn, chineseFields['http in'])!
  expect(additions.fields.map((field) => [field.name, field.kind])).toEqual([['host', 'text'], ['accepts', 'list'], ['bodyLimitBytes', 'number'], ['streamBody', 'boolean'], ['timeoutMs', 'number'], ['cors', 'group'], ['labels', 'table']])
  const html = addFields(`<script>RED.nodes.registerType('http in',{a:1});RED.nodes.registerType('http response',{})</script>`, additions)
  expect(html).toMatch(/Sluice\.registerStockType\(\{"type":"http in".*\},\{a:1\}\);RED\.nodes\.registerType\('http response'/)
})

test('every field of ours has its Chinese texts', () => {
  const missing: string[] = []
  for (const definition of definitions) {
    const own = (chineseFields as Record<string, FieldTexts>)[definition.type] ?? {}
    const visit = (field: Field, path: string) => {
      if (field.hint && field.hint.en === field.hint['zh-TW']) missing.push(`${definition.type}: ${path} description`)
      if (field.label.en === field.label['zh-TW'] && !/^[A-Z]+$/.test(field.label.en)) missing.push(`${definition.type}: ${path} title`)
      for (const column of [...(field.columns ?? []), ...(field.fields ?? [])]) visit(column, `${path}.${column.name}`)
    }
    const fields = definition.stockForm ? (toAdditions(definition, own)?.fields ?? []) : toForm(definition, own).fields
    for (const field of fields) visit(field, field.name)
  }
  expect(missing).toEqual([])
})

test('a node with an output for each row of a table says which, and what stands behind them', () => {
  const rows = { type: 'array', default: [{ name: 'x' }], items: { type: 'object', properties: { name: { type: 'string' } } } }
  const ports = { rows: 'rows', name: 'name', behind: ['done'] }
  const form = toForm(defineNode({
    type: 'probe', category: 'route', label: text('probe'), summary: text('Probes.'), config: { type: 'object', properties: { rows }, 'x-ports': ports },
    outputs: (config: { rows: { name: string }[] }) => [...config.rows.map(({ name }) => name), 'done'],
  }), {})
  expect(form).toMatchObject({ ports, outputLabels: ['x', 'done'] })
})
