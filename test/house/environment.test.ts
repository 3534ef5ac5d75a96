import { expect, test } from 'vitest'
import { isSource, listFiles, readSource } from '../kit/sources.ts'

const sources = listFiles().filter(isSource)

test('only settings.ts, tests and start.mjs read the environment', () => {
  const free = (file: string) => file === 'runtime/settings.ts' || file === 'start.mjs' || file.startsWith('test/') || file.endsWith('.test.ts')
  const readers = sources.filter((file) => !free(file) && /\bprocess\s*\.\s*env\b|\bprocess\s*\[\s*['"]env['"]\s*\]|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/.test(withoutComments(readSource(file))))
  // One place hands the environment to settings.ts; it passes the object on and reads nothing from it.
  expect(readers.filter((file) => !handsOver(file))).toEqual([])
})

test('no file names a machine path, a registry host or an address of a private network service', () => {
  const forbidden = [/\/work\//, /\/root\//, /\/home\/[a-z]/, /registry\.npmjs\.org/, /registry\.yarnpkg/, /npm\.pkg\.github/, /artifactory/i]
  const breaches: string[] = []
  for (const file of listFiles()) {
    if (/\.(png|jpg|ico|svg|woff2?|pem|csv)$/.test(file) || file === 'test/house/environment.test.ts') continue
    const text = readSource(file)
    for (const pattern of forbidden) {
      const match = pattern.exec(text)
      if (match) breaches.push(`${file}: ${text.slice(Math.max(0, match.index - 30), match.index + 40).replaceAll('\n', ' ')}`)
    }
  }
  expect(breaches).toEqual([])
})

/** `loadSettings(process.env, …)` and `env: { ...process.env }` for a child are the two allowed forms, in main.ts and its commands only. */
function handsOver(file: string): boolean {
  if (!/^runtime\/(main|command|start|supervisor|commands\/).*\.ts$/.test(file)) return false
  return !/process\s*\.\s*env\s*(\.\s*[A-Za-z_]|\[)/.test(withoutComments(readSource(file)))
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')
}
