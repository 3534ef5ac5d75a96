import { isBuiltin } from 'node:module'
import { expect, test } from 'vitest'
import { importsOf, isForDevelopment, isSource, listFiles, readSource } from '../kit/sources.ts'

interface Manifest {
  readonly dependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
  readonly overrides: Record<string, Record<string, string>>
}
interface Lock {
  readonly packages: Record<string, { resolved?: string; integrity?: string; link?: boolean; version?: string; inBundle?: boolean; dependencies?: Record<string, string>; optionalDependencies?: Record<string, string>; peerDependencies?: Record<string, string> }>
}

const manifest = JSON.parse(readSource('package.json')) as Manifest
const lock = JSON.parse(readSource('package-lock.json')) as Lock
const files = listFiles().filter(isSource)

test('package.json pins exact versions', () => {
  const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
  expect(loose).toEqual([])
})

test('the lock file names no host: packages come from whatever registry the machine uses', () => {
  expect(Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined).map(([name]) => name)).toEqual([])
})

test('the lock file holds a checksum of every package', () => {
  expect(Object.entries(lock.packages).filter(([name, entry]) => name !== '' && !entry.link && !entry.inBundle && !entry.integrity).map(([name]) => name)).toEqual([])
})

// An npm that could not find the builds for other platforms leaves them out silently, and `npm ci` then refuses everywhere.
test('the lock file knows every package that another one names, those for other platforms too', () => {
  const unknown: string[] = []
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) {
      if (!foldersAbove(path).some((folder) => `${folder}node_modules/${name}` in lock.packages)) unknown.push(`${path}: ${name}`)
    }
  }
  expect(unknown).toEqual([])
})

// i18next names an older TypeScript as an optional peer. npm 10, which comes with Node 20, then wants a second one in the lock file.
test('the npm of the oldest Node takes the lock file: peers that conflict are overridden', () => {
  const peers = Object.entries(lock.packages).filter(([, entry]) => entry.peerDependencies?.['typescript'] !== undefined).map(([path]) => path.split('node_modules/').at(-1) as string)
  expect(peers.filter((name) => manifest.overrides[name]?.['typescript'] !== '$typescript')).toEqual([])
})

test('what the server imports is a dependency, what only tests import is not', () => {
  const missing: string[] = []
  for (const file of files) {
    for (const imported of importsOf(file, readSource(file))) {
      const name = imported.package
      if (name === undefined || isBuiltin(name) || name in manifest.dependencies) continue
      if ((isForDevelopment(file) || imported.typeOnly) && (name in manifest.devDependencies || `@types/${name}` in manifest.devDependencies)) continue
      missing.push(`${file}: ${name}`)
    }
  }
  expect(missing.filter((line) => !line.startsWith('test/house/'))).toEqual([])
})

/** Where Node looks for a package that `path` imports, as prefixes of lock file entries: its own folder first, the project's last. */
function foldersAbove(path: string): string[] {
  const folders = ['']
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) folders.unshift(`${at}/`)
  return folders
}
