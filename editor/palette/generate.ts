import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NodeDefinition } from '../../runtime/core/node.ts'
import { categories } from './categories.ts'
import { toAdditions, toForm, type FieldTexts } from './form.ts'
import { folderOf, loadHelp } from './help.ts'
import { mergeTexts, type Texts } from './merge-texts.ts'
import { toFormHtml, toHelpScript } from './own-form.ts'
import { addFields, alwaysThere, keepTypes, stockExtras } from './stock-form.ts'

const require = createRequire(import.meta.url)
const ownLocales = fileURLToPath(new URL('../locales/', import.meta.url))

export interface PaletteDirs {
  readonly userDir: string
  readonly coreNodesDir: string
  readonly localesDir: string
}

/**
 * Writes the folder from which the stock registry loads its palette: forms of exactly the nodes that we
 * run, their texts in all languages, and nothing else. What was there before is removed.
 */
export async function generatePalette(userDir: string, definitions: readonly NodeDefinition[]): Promise<PaletteDirs> {
  const stockDir = dirname(require.resolve('@node-red/nodes'))
  const coreNodesDir = join(userDir, 'nodes')
  const localesDir = join(userDir, 'locales')
  await rm(coreNodesDir, { recursive: true, force: true })
  await rm(localesDir, { recursive: true, force: true })
  await mkdir(join(coreNodesDir, 'examples'), { recursive: true })
  await mkdir(localesDir, { recursive: true })
  // The registry imports the stubs below; whatever lies above this folder must not decide how.
  await writeFile(join(userDir, 'package.json'), JSON.stringify({ name: 'sluice-editor', private: true, type: 'module' }))

  const stock = groupByForm(definitions)
  await Promise.all([
    ...[...stock].map(([form, types]) => writeStockNode(stockDir, coreNodesDir, form, types, definitions)),
    ...definitions.filter((definition) => !definition.stockForm).map((definition) => writeOwnNode(coreNodesDir, definition)),
    cp(join(stockDir, 'icons'), join(coreNodesDir, 'icons'), { recursive: true }),
    writeNodeLocales(stockDir, coreNodesDir, stock, definitions),
    writeEditorLocales(localesDir),
  ])
  return { userDir, coreNodesDir, localesDir }
}

function groupByForm(definitions: readonly NodeDefinition[]): Map<string, Set<string>> {
  const forms = new Map<string, Set<string>>([...alwaysThere].map(([form, types]) => [form, new Set(types)]))
  for (const { type, stockForm } of definitions) {
    if (!stockForm) continue
    const types = forms.get(stockForm)
    if (types) types.add(type)
    else forms.set(stockForm, new Set([type]))
  }
  return forms
}

async function writeStockNode(stockDir: string, coreNodesDir: string, form: string, types: Set<string>, definitions: readonly NodeDefinition[]): Promise<void> {
  const html = await readFile(join(stockDir, 'core', `${form}.html`), 'utf8')
  const folder = join(coreNodesDir, 'core', dirname(form))
  await mkdir(folder, { recursive: true })
  const chinese = await loadChineseFields()
  const additions = definitions.filter((one) => types.has(one.type)).flatMap((one) => toAdditions(one, chinese[one.type] ?? {}) ?? [])
  await writeFile(join(folder, `${basename(form)}.html`), additions.reduce(addFields, keepTypes(html, types)))
  const credentialsOf = (type: string) => definitions.find((definition) => definition.type === type)?.credentials
  await writeFile(join(folder, `${basename(form)}.js`), toStub([...types], credentialsOf))
}

async function writeOwnNode(coreNodesDir: string, definition: NodeDefinition): Promise<void> {
  const folder = join(coreNodesDir, 'core', 'own')
  await mkdir(folder, { recursive: true })
  const chinese = await loadChineseFields()
  const form = toForm(definition, chinese[definition.type] ?? {})
  await writeFile(join(folder, `${folderOf(definition.type)}.html`), toFormHtml(form, await loadHelp(definition)))
  await writeFile(join(folder, `${folderOf(definition.type)}.js`), toStub([definition.type], () => definition.credentials))
}

async function loadChineseFields(): Promise<Readonly<Record<string, FieldTexts>>> {
  return JSON.parse(await readFile(join(ownLocales, 'zh-TW', 'fields.json'), 'utf8')) as Record<string, FieldTexts>
}

/** What the registry runs to learn of a type. It registers an empty function: this process starts no flow. */
function toStub(types: readonly string[], credentialsOf: (type: string) => Readonly<Record<string, string>> | undefined): string {
  const lines = types.filter((type) => type !== 'junction' && type !== 'unknown').map((type) => {
    const extras = stockExtras[type]
    const credentials = Object.entries(credentialsOf(type) ?? extras?.credentials ?? {})
    const options = {
      ...(credentials.length > 0 ? { credentials: Object.fromEntries(credentials.map(([name, kind]) => [name, { type: kind }])) } : {}),
      ...(extras?.settings ? { settings: Object.fromEntries(Object.entries(extras.settings).map(([name, value]) => [name, { value, exportable: true }])) } : {}),
    }
    const library = extras?.library ? `; RED.library.register(${JSON.stringify(extras.library)})` : ''
    return `  RED.nodes.registerType(${JSON.stringify(type)}, function () {}, ${JSON.stringify(options)})${library}`
  })
  return `export default function (RED) {\n${lines.join('\n')}\n}\n`
}

async function writeNodeLocales(
  stockDir: string, coreNodesDir: string, stock: ReadonlyMap<string, ReadonlySet<string>>, definitions: readonly NodeDefinition[],
): Promise<void> {
  const from = join(stockDir, 'locales')
  await Promise.all(
    (await readdir(from)).map(async (language) => {
      const to = join(coreNodesDir, 'locales', language)
      await mkdir(to, { recursive: true })
      const texts = JSON.parse(await readFile(join(from, language, 'messages.json'), 'utf8')) as Texts
      await writeFile(join(to, 'messages.json'), JSON.stringify(mergeTexts(texts, await loadOwn(language, 'messages.json'))))
      for (const [form, types] of stock) {
        const theirs = await readFile(join(from, language, `${form}.html`), 'utf8').catch(() => '')
        const ours = language === 'zh-TW' ? await loadMissingHelp(theirs, definitions.filter((one) => types.has(one.type))) : ''
        if (!theirs && !ours) continue
        await mkdir(join(to, dirname(form)), { recursive: true })
        await writeFile(join(to, `${form}.html`), theirs + ours)
      }
    }),
  )
}

/** Our Chinese help of the stock nodes for which Node-RED has none. */
async function loadMissingHelp(theirs: string, definitions: readonly NodeDefinition[]): Promise<string> {
  const there = new Set([...theirs.matchAll(/data-help-name\s*=\s*['"]([^'"]*)['"]/gi)].map((match) => match[1]))
  const missing = definitions.filter((one) => !there.has(one.type))
  const scripts = await Promise.all(missing.map(async (one) => toHelpScript(one.type, one.summary['zh-TW'], (await loadHelp(one))['zh-TW'])))
  return scripts.map((script) => `\n${script}\n`).join('')
}

/** The editor's own texts, with the names of our categories and what zh-TW lacks. */
async function writeEditorLocales(localesDir: string): Promise<void> {
  const from = join(dirname(require.resolve('@node-red/editor-client')), 'locales')
  await Promise.all(
    (await readdir(from)).map(async (language) => {
      await mkdir(join(localesDir, language), { recursive: true })
      for (const file of ['editor.json', 'infotips.json', 'jsonata.json']) {
        const text = await readFile(join(from, language, file), 'utf8').catch(() => undefined)
        if (text === undefined) continue
        const texts = mergeTexts(JSON.parse(text.replace(/^\uFEFF/, '')) as Texts, await loadOwn(language, file))
        const named = file === 'editor.json' ? mergeTexts(texts, categoryNames(language)) : texts
        await writeFile(join(localesDir, language, file), JSON.stringify(file === 'editor.json' ? { ...named, sluiceProblems: await loadOwn(language, 'problems.json') } : named))
      }
    }),
  )
}

function categoryNames(language: string): Texts {
  const key = language === 'zh-TW' ? 'zh-TW' : 'en'
  return { palette: { label: Object.fromEntries(Object.entries(categories).map(([category, name]) => [category, name[key]])) } }
}

async function loadOwn(language: string, file: string): Promise<Texts> {
  const text = await readFile(join(ownLocales, language, file), 'utf8').catch(() => '{}')
  return JSON.parse(text) as Texts
}
