import { readdir, readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../nodes/map/mapping/', import.meta.url))

/**
 * The language of the map node for the page: the files that gateways run, without their types. Each is read when it is
 * first asked for; `undefined` for what is no file of it.
 */
export function createMappingFiles(): (file: string) => Promise<string | undefined> {
  let names: Promise<ReadonlySet<string>> | undefined
  const texts = new Map<string, Promise<string>>()
  return async (file) => {
    names ??= listNames()
    if (!(await names).has(file)) return undefined
    let text = texts.get(file)
    if (!text) texts.set(file, (text = readFile(join(folder, file), 'utf8').then((source) => stripTypeScriptTypes(source))))
    return text
  }
}

async function listNames(): Promise<ReadonlySet<string>> {
  const files = await readdir(folder, { recursive: true })
  return new Set(files.map((file) => file.replaceAll('\\', '/')).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts')))
}
