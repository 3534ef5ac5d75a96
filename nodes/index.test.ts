import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { createCatalogue } from '../runtime/compile/catalogue.ts'
import { faults } from '../runtime/core/faults.ts'
import { definitions } from './index.ts'
import { notYet } from './not-yet.ts'

const here = import.meta.dirname
const core = join(dirname(createRequire(import.meta.url).resolve('@node-red/nodes/package.json')), 'core')
const folderOf = (type: string) => type.replaceAll(' ', '-')
const types = definitions.map(({ type }) => type)

describe('the list of nodes', () => {
  it('is sorted and names each node once', () => {
    expect(types).toEqual([...new Set(types)].sort())
    const missing = notYet.map(({ type }) => type)
    expect(missing).toEqual([...new Set(missing)].sort())
  })

  it('gives no property a name that the stock editor takes for the number of ports', () => {
    const own = definitions.filter(({ stockForm }) => stockForm === undefined)
    const names = (config: object) => Object.keys((config as { properties?: object }).properties ?? {})
    expect(own.filter(({ config }) => names(config).some((name) => ['inputs', 'outputs', 'wires', 'x', 'y', 'z', 'g', 'l', 'd', 'id', 'type'].includes(name))).map(({ type }) => type)).toEqual([])
  })

  it('lists every folder but what nodes share, and each folder is named after its type', () => {
    const folders = readdirSync(here, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'shared' && readdirSync(join(here, entry.name)).length > 0).map(({ name }) => name)
    expect(types.map(folderOf).sort()).toEqual(folders.sort())
  })

  it('knows every node of Node-RED’s core set: it runs, or it is refused by name', () => {
    const stock = globSync('*/*.js', { cwd: core })
      .flatMap((file) => [...readFileSync(join(core, file), 'utf8').matchAll(/registerType\(["']([^"']+)["']/g)].map((match) => match[1] as string))
      .filter((type) => type !== 'unknown')
    const known = [...types, ...notYet.map(({ type }) => type)]
    expect(stock.filter((type) => !known.includes(type))).toEqual([])
    expect(notYet.map(({ type }) => type).filter((type) => !stock.includes(type))).toEqual([])
    expect(types.filter((type) => notYet.some((entry) => entry.type === type))).toEqual([])
  })
})

describe.each(definitions)('$type', (definition) => {
  const folder = join(here, folderOf(definition.type))

  it('has its code, its test and its help in both languages', () => {
    const name = folderOf(definition.type)
    expect(existsSync(join(folder, `${name}.ts`))).toBe(true)
    expect(existsSync(join(folder, `${name}.test.ts`))).toBe(true)
    const headings = [...readFileSync(join(folder, 'help.md'), 'utf8').matchAll(/^## (.+)$/gm)].map((match) => match[1])
    expect(headings).toEqual(['en', 'zh-TW'])
  })

  it('says what it is in both languages', () => {
    for (const text of [definition.label, definition.summary]) {
      expect(text.en).toMatch(/\S/)
      expect(text['zh-TW']).toMatch(/\S/)
    }
    expect(definition.summary.en).toMatch(/^[A-Z].*\.$/)
    expect(definition.summary['zh-TW']).toMatch(/。$/)
  })

  it('has a schema that is one, and whose defaults fit it', () => {
    const ajv = new Ajv({ strict: false, allErrors: true })
    expect(ajv.validateSchema(definition.config)).toBe(true)
    for (const [name, property] of Object.entries((definition.config.properties ?? {}) as Record<string, { default?: unknown }>)) {
      if (property.default !== undefined) expect(ajv.validate(property, property.default), name).toBe(true)
    }
  })

  it('is configured from nothing without falling over', () => {
    expect(() => createCatalogue([definition]).configure(definition, {})).not.toThrow()
  })

  it('reuses a stock form that is there, if it does', () => {
    if (definition.stockForm !== undefined) {
      expect(existsSync(join(core, `${definition.stockForm}.html`))).toBe(true)
      expect(readFileSync(join(core, `${definition.stockForm}.html`), 'utf8')).toContain(definition.type)
    }
  })

  it('says where data labels go, and what of a message leaves its flow by it', () => {
    // By these, messages pass as they are: the compiler follows them itself.
    const passages = ['comment', 'global policy', 'junction', 'link call', 'link in', 'link out']
    if (definition.configNode || passages.includes(definition.type)) return
    const ports = typeof definition.outputs === 'function' ? definition.outputs(createCatalogue([definition]).configure(definition, {}).config) : definition.outputs
    if (ports.length > 0) expect(definition.labels, 'labels').toBeTypeOf('function')
    expect(definition.leaks, 'leaks').toBeTypeOf('function')
  })

  it('raises faults of the register only', () => {
    for (const code of definition.faults ?? []) expect(Object.keys(faults)).toContain(code)
  })
})
