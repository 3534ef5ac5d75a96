import { parse } from 'acorn'
import { expect, test } from 'vitest'
import { createMappingFiles } from './mapping-files.ts'

test('the page gets every file of the language as JavaScript, and nothing else', async () => {
  const fileOf = createMappingFiles()
  const seen = new Set<string>()
  const visit = async (file: string) => {
    if (seen.has(file)) return
    seen.add(file)
    const text = await fileOf(file)
    expect(text, file).toBeDefined()
    const program = parse(text!, { ecmaVersion: 'latest', sourceType: 'module' })
    for (const statement of program.body) {
      if ('source' in statement && statement.source) await visit(new URL(String(statement.source.value), `http://page/${file}`).pathname.slice(1))
    }
  }
  await visit('mapping.ts')
  expect(seen.size).toBeGreaterThan(10)
  for (const file of ['', 'map.ts', '../map.ts', '..%2fmap.ts', 'functions.test.ts', '/etc/passwd', 'functions']) expect(await fileOf(file)).toBeUndefined()
})
