import { isBuiltin } from 'node:module'
import { expect, test } from 'vitest'
import { importsOf, isForDevelopment, isSource, listFiles, readSource } from '../kit/sources.ts'

interface Manifest {
  readonly dependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
}
interface Lock {
  readonly packages: Record<string, { resolved?: string; integrity?: string; link?: boolean; version?: string; inBundle?: boolean }>
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
