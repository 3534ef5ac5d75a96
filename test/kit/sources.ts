import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's folder. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** Every file the project keeps (tracked, or new and not ignored), as `/`-separated paths from the root, sorted. */
export function listFiles(): readonly string[] {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
  return [...new Set(listed.split('\0'))].filter((file) => file !== '' && existsSync(join(root, file))).toSorted()
}

export function readSource(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

/** Source files of the server: what rules on imports look at. */
export function isSource(file: string): boolean {
  return /\.(ts|mts|mjs|js)$/.test(file) && !file.endsWith('.d.ts')
}

/** Tests, what only tests use beside the code (`test-*.ts`), and generators that are run by hand (`make-*.ts`). */
export function isForDevelopment(file: string): boolean {
  return /\.(test|bench)\.ts$/.test(file) || /(^|\/)(test|make)-[a-z-]+\.ts$/.test(file) || file.startsWith('test/') || file === 'vitest.config.ts'
}

export interface Import {
  /** As written: `./walk.ts`, `fastify`, `node:fs`. */
  readonly specifier: string
  /** Path from the root for a relative import. */
  readonly file?: string
  /** Package name for a bare import: `@scope/name` or `name`, without a deep path. */
  readonly package?: string
  /** True when only types are imported, so that nothing is loaded. */
  readonly typeOnly: boolean
  /** Loaded when the code gets there, rather than before it begins. */
  readonly later: boolean
}

const importPatterns = [
  /^[ \t]*(?:import|export)\s+(type\s)?[^'"`;]*?\bfrom\s*['"]([^'"\n]+)['"]/gm,
  /^[ \t]*import\s+()['"]([^'"\n]+)['"]/gm,
  /\bimport\s*()\(\s*['"]([^'"\n]+)['"]/g,
  /\brequire(?:\.resolve)?\s*()\(\s*['"]([^'"\n]+)['"]/g,
]

/** What a file imports. Comments are left out; text inside template literals is not. */
export function importsOf(file: string, text: string): readonly Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  const found: Import[] = []
  for (const [at, pattern] of importPatterns.entries()) {
    for (const match of code.matchAll(pattern)) found.push(toImport(file, match[2] as string, { typeOnly: match[1] !== undefined && match[1] !== '', later: at >= 2 }))
  }
  return found
}

function toImport(from: string, specifier: string, how: Pick<Import, 'typeOnly' | 'later'>): Import {
  if (specifier.startsWith('.')) return { specifier, ...how, file: posix.normalize(posix.join(posix.dirname(from), specifier)) }
  if (specifier.startsWith('node:')) return { specifier, ...how, package: specifier }
  return { specifier, ...how, package: specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/') }
}
