import { expect, test } from 'vitest'
import { importsOf, isForDevelopment, isSource, listFiles, readSource, type Import } from '../kit/sources.ts'
import { nodeFolder, roomOf, type Room } from './rooms.ts'

const sources = listFiles().filter((file) => isSource(file) && !isForDevelopment(file))

test('every source file is in a room', () => {
  expect(sources.filter((file) => !roomOf(file))).toEqual([])
})

test('rooms import only what the table allows them', () => {
  const breaches: string[] = []
  for (const file of sources) {
    const room = roomOf(file)
    if (!room) continue
    for (const imported of importsOf(file, readSource(file))) {
      if (!allows(room, file, imported)) breaches.push(`${file} imports ${imported.specifier}; ${room.because}`)
    }
  }
  expect(breaches).toEqual([])
})

test('the scanner sees every way to import', () => {
  const text = [
    "import { a } from './a.ts'",
    "import type { B } from '../core/b.ts'",
    "export * from 'fastify'",
    "import {\n  c,\n  d,\n} from '@node-red/util/lib/log.js'",
    "import 'side-effect'",
    "const e = await import('undici')",
    "const f = require('pg')",
    "// import { no } from 'commented'",
    "/* import { no } from 'commented' */",
  ].join('\n')
  expect(importsOf('runtime/http/x.ts', text)).toEqual([
    { specifier: './a.ts', typeOnly: false, later: false, file: 'runtime/http/a.ts' },
    { specifier: '../core/b.ts', typeOnly: true, later: false, file: 'runtime/core/b.ts' },
    { specifier: 'fastify', typeOnly: false, later: false, package: 'fastify' },
    { specifier: '@node-red/util/lib/log.js', typeOnly: false, later: false, package: '@node-red/util' },
    { specifier: 'side-effect', typeOnly: false, later: false, package: 'side-effect' },
    { specifier: 'undici', typeOnly: false, later: true, package: 'undici' },
    { specifier: 'pg', typeOnly: false, later: true, package: 'pg' },
  ])
})

test('a gateway begins without the libraries of Redis, without what only cases need, and without nodes that no flow is made of', () => {
  const loaded = new Set(['runtime/cli/gateway-process.ts'])
  const packages = new Set<string>()
  for (const file of loaded) {
    for (const imported of importsOf(file, readSource(file))) {
      if (imported.typeOnly || imported.later) continue
      if (imported.package !== undefined) packages.add(imported.package)
      else if (isSource(imported.file as string)) loaded.add(imported.file as string)
    }
  }
  expect([packages.has('fastify'), packages.has('isolated-vm')]).toEqual([true, true])
  expect(['ioredis', 'bullmq', 'jose', 'openid-client', 'commander'].filter((name) => packages.has(name))).toEqual([])
  expect([...loaded].filter((file) => file.startsWith('nodes/') && nodeFolder(file) !== undefined)).toEqual([])
})

function allows(room: Room, file: string, imported: Import): boolean {
  if (imported.package !== undefined) {
    if (room.packages.includes('*') || room.packages.includes(imported.package)) return true
    // Node's own modules are everybody's, but for the database, which has one door.
    return imported.package.startsWith('node:') && imported.package !== 'node:sqlite'
  }
  const target = imported.file as string
  const own = nodeFolder(file) ?? room.at
  if (target.startsWith(own)) return true
  return room.mayImport.some((prefix) => target.startsWith(prefix))
}
