import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Route } from '../core/deployment.ts'
import type { HttpEntry, Method } from '../core/entry.ts'
import { buildRoutes, type ShardedRouteTable } from './route-table.ts'

function route(method: Method, path: string, more: Partial<HttpEntry> & { revision?: string; organisation?: string; version?: string } = {}): Route {
  const { revision = 'r', organisation, version, ...entry } = more
  return { entry: { on: 'http', method, path, ...entry }, flow: 'f', node: `${method} ${path}`, revision, ...(organisation ? { organisation } : {}), ...(version ? { version } : {}) }
}

function tableOf(...routes: Route[]): ShardedRouteTable {
  const { table, conflicts } = buildRoutes(routes)
  expect(conflicts.map((conflict) => conflict.reason)).toEqual([])
  return table as ShardedRouteTable
}

function found(table: ShardedRouteTable, method: string, path: string, host = ''): unknown {
  const match = table.find(method, path, host)
  expect(table.find(method, path, host)).toEqual(match) // what was found before is found again
  return match.kind === 'found' ? { path: match.route.entry.path, params: { ...match.params } } : match.kind
}

describe('a route table', () => {
  it('decodes parameters and keeps their case', () => {
    const table = tableOf(route('GET', '/users/:id/files/:name'))
    expect(found(table, 'GET', '/USERS/Ann%20B/Files/%E6%9D%BE%2F')).toEqual({ path: '/users/:id/files/:name', params: { id: 'Ann B', name: '松/' } })
  })

  it('does not care about a trailing slash or the case of fixed parts, as Express', () => {
    const table = tableOf(route('GET', '/Hello/World'))
    for (const path of ['/hello/world', '/hello/world/', '/HELLO/WORLD']) expect(found(table, 'GET', path)).toMatchObject({ path: '/Hello/World' })
  })

  it('finds paths that were typed in Chinese, encoded or not', () => {
    for (const path of ['/臺北/天氣', encodeURI('/臺北/天氣')]) expect(found(tableOf(route('GET', path)), 'GET', encodeURI('/臺北/天氣'))).toMatchObject({ path })
  })

  it('keeps parameters in place after a letter whose lower case is longer', () => {
    expect(found(tableOf(route('GET', '/x/:a/:b')), 'GET', encodeURI('/x/İİ/Bcd'))).toMatchObject({ params: { a: 'İİ', b: 'Bcd' } })
  })

  it('gives a wildcard the rest of the path, also an empty one', () => {
    const table = tableOf(route('GET', '/files/*'))
    expect(found(table, 'GET', '/files/a/B')).toMatchObject({ params: { '*': 'a/B' } })
    expect(found(table, 'GET', '/files/')).toMatchObject({ params: { '*': '' } })
    expect(found(table, 'GET', '/files')).toBe('none')
  })

  it('never gives a parameter an empty value', () => {
    const table = tableOf(route('GET', '/x/:a/y'), route('GET', '/z/:a'))
    expect(found(table, 'GET', '/x//y')).toBe('none')
    expect(found(table, 'GET', '/z/')).toBe('none')
  })

  it('serves the optional parts of Express paths', () => {
    const table = tableOf(route('GET', '/a/:b?'), route('GET', '/colou?r'), route('GET', '/v(ersion)?/x'))
    for (const path of ['/a', '/a/1', '/color', '/colour', '/v/x', '/version/x']) expect(found(table, 'GET', path), path).toHaveProperty('path')
  })

  it('gives a path to one organisation: no method, version, host or spelling of it is anybody else’s', () => {
    const bank = route('GET', '/pay/:id?', { organisation: 'bank', version: 'v1' })
    const others: Route[] = [
      route('GET', '/pay', { organisation: 'thief', version: 'v9' }), route('GET', '/p%61y/:number', { organisation: 'thief', version: 'v9' }), route('GET', '/PAY/', { version: 'v2' }),
      route('POST', '/pay', { organisation: 'thief' }), route('HEAD', '/pay', { organisation: 'thief' }), route('GET', '/pay', { organisation: 'thief', host: 'api.example.org' }),
    ]
    for (const other of others) for (const routes of [[bank, other], [other, bank]]) expect(buildRoutes(routes).conflicts.map(({ reason }) => reason).join()).toContain('is a path of another organisation')
    tableOf(bank, route('POST', '/pay', { organisation: 'bank' }), route('GET', '/pay', { organisation: 'bank', version: 'v2' }), route('GET', '/pays', { organisation: 'thief' }))
    tableOf(route('GET', '/', { organisation: 'bank', host: 'bank.example' }), route('GET', '/', { organisation: 'thief', host: 'thief.example' }))
  })

  it('refuses what it cannot serve with a reason and a remedy', () => {
    for (const path of ['/a/*/b', '/ab+cd', '/a|b', '/:a/:a', '/:x(a/b)', '/:x((a+)+)', '/(?:a)']) {
      const { conflicts } = buildRoutes([route('GET', path)])
      expect(conflicts, path).toHaveLength(1)
      expect(conflicts[0]?.reason).toMatch(/\. *[A-Z][^.]+\.$/)
    }
  })

  it.each([
    ['/a/b', '/A/B/'],
    ['/a/:x', '/a/:y'],
    ['/a/:x?', '/a'],
  ])('reports %s and %s as two answers to one request', (one, other) => {
    const { conflicts } = buildRoutes([route('GET', one), route('GET', other)])
    expect(conflicts).toHaveLength(1)
    expect(conflicts[0]).toMatchObject({ route: { entry: { path: other } }, other: { entry: { path: one } } })
  })

  it('lets HEAD find a GET route, and an ALL route answer what has no route of its own', () => {
    const table = tableOf(route('GET', '/a'), route('ALL', '/a'), route('ALL', '/b'), route('HEAD', '/c'), route('GET', '/c'))
    expect(table.find('HEAD', '/a', '')).toMatchObject({ route: { entry: { method: 'GET' } } })
    expect(table.find('PROPFIND', '/a', '')).toMatchObject({ route: { entry: { method: 'ALL' } } })
    expect(table.find('HEAD', '/c', '')).toMatchObject({ route: { entry: { method: 'HEAD' } } })
  })

  it('says which methods a path answers', () => {
    const table = tableOf(route('GET', '/a/:x'), route('POST', '/a/b'))
    expect(table.find('DELETE', '/a/b', '')).toMatchObject({ kind: 'method', allow: ['GET', 'HEAD', 'OPTIONS', 'POST'] })
    expect(table.find('DELETE', '/c', '')).toEqual({ kind: 'none' })
  })

  it('prefers the routes of the host that is asked, and falls back to those of every host', () => {
    const table = tableOf(route('GET', '/a', { host: 'API.example.org' }), route('GET', '/:x'), route('GET', '/b'))
    expect(found(table, 'GET', '/a', 'api.example.org:8080')).toMatchObject({ path: '/a' })
    expect(found(table, 'GET', '/a', 'other')).toMatchObject({ path: '/:x' })
    expect(found(table, 'GET', '/b', 'api.example.org')).toMatchObject({ path: '/b' })
  })

  it('takes over every shard that did not change', () => {
    const routes = Array.from({ length: 10_000 }, (_, n) => route('GET', `/s${n % 100}/r${n}/:id`))
    const first = buildRoutes(routes)
    const before = first.table as ShardedRouteTable
    expect(before.built).toBe(100)
    const changed = routes.with(4242, route('GET', '/s42/renamed/:id'))
    const after = buildRoutes(changed, before).table as ShardedRouteTable
    expect(after.built).toBe(1)
    expect(after.shard('', 's41')).toBe(before.shard('', 's41'))
    expect(after.shard('', 's42')).not.toBe(before.shard('', 's42'))
    expect(found(after, 'GET', '/s42/renamed/7')).toMatchObject({ params: { id: '7' } })
    expect(found(before, 'GET', '/s42/renamed/7')).toBe('none')
    expect(found(after, 'GET', '/s41/r9941/x')).toMatchObject({ params: { id: 'x' } })
  })

  it('keeps the search tree when only the revision behind a path is new', () => {
    const before = tableOf(route('GET', '/a/:x'), route('POST', '/a/b'))
    const after = buildRoutes([route('GET', '/a/:x', { revision: 'r2' }), route('POST', '/a/b')], before).table as ShardedRouteTable
    expect(after.built).toBe(0)
    expect(after.find('GET', '/a/1', '')).toMatchObject({ route: { revision: 'r2' } })
    expect(before.find('GET', '/a/1', '')).toMatchObject({ route: { revision: 'r' } })
  })

  it('takes the closer wildcard before a parameter when the path ends with a slash', () => {
    const table = tableOf(route('GET', '/:a/:b'), route('GET', '/:a/news/*'))
    expect(found(table, 'GET', '/x/news/')).toMatchObject({ path: '/:a/news/*', params: { a: 'x', '*': '' } })
    expect(found(table, 'GET', '/x/other/')).toMatchObject({ path: '/:a/:b' })
  })

  it('agrees with a naive matcher', () => {
    const part = fc.constantFrom('a', 'b', 'c-d', ':p', ':q')
    const paths = fc.uniqueArray(
      fc.tuple(fc.array(part, { maxLength: 4 }), fc.boolean()).map(([parts, wild]) => {
        const named = parts.map((one, place) => (one.startsWith(':') ? `:p${place}` : one))
        return `/${[...named, ...(wild ? ['*'] : [])].join('/')}`
      }),
      { maxLength: 12 },
    )
    const asked = fc.tuple(fc.array(fc.constantFrom('a', 'B', 'c-d', 'e', '%20'), { maxLength: 5 }), fc.boolean())
    fc.assert(
      fc.property(paths, asked, (list, [parts, slash]) => {
        const table = tableOf(...list.map((path) => route('GET', path)))
        const path = `/${parts.join('/')}${slash && parts.length > 0 ? '/' : ''}`
        const naive = list.filter((pattern) => matchesNaively(pattern, path))
        const match = table.find('GET', path, '')
        if (match.kind === 'found') expect(naive).toContain(match.route.entry.path)
        else expect(naive).toEqual([])
        if (match.kind === 'found') expect(rank(match.route.entry.path)).toBe(naive.map(rank).toSorted()[0])
      }),
      { numRuns: 1000 },
    )
  })

  const versioned = (path: string, version?: string, method: Method = 'GET'): Route => ({ ...route(method, path), node: `${method} ${path} ${version ?? ''}`, ...(version === undefined ? {} : { version }) })

  it('holds versions of one place beside each other, the one without a version first, then the highest', () => {
    const table = tableOf(versioned('/a/:x', 'v9'), versioned('/a/:y'), versioned('/A/:z/', 'v10'), route('GET', '/b'))
    const match = table.find('GET', '/a/1', '')
    expect(match.kind === 'found' && match.route.versions?.routes.map(({ version }) => version)).toEqual([undefined, 'v10', 'v9'])
    expect(match).toMatchObject({ params: { x: '1' } })
    expect(table.find('GET', '/b', '')).not.toHaveProperty('route.versions')
    expect(table.ofVersion('V9')?.find('GET', '/a/1', '')).toMatchObject({ kind: 'found', route: { version: 'v9' } })
    expect(table.ofVersion('v1')).toBeUndefined()
  })

  it('takes over a shard whose versions are the same, and none whose versions changed', () => {
    const [one, two] = [versioned('/a', 'v1'), versioned('/a', 'v2')]
    const before = tableOf(one, two)
    expect((buildRoutes([one, two], before).table as ShardedRouteTable).built).toBe(0)
    const renamed = buildRoutes([one, { ...two, version: 'v3' }], before).table
    expect(renamed.find('GET', '/a', '')).toMatchObject({ route: { versions: { routes: [{ version: 'v3' }, { version: 'v1' }] } } })
    expect(buildRoutes([one, { ...two, version: 'V1' }], before).conflicts).toHaveLength(1)
  })

  it('has for each version what a table of that version alone has, whatever there is beside it', () => {
    const path = fc.array(fc.constantFrom('a', 'b', ':p'), { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.map((part, place) => (part === ':p' ? `:p${place}` : part)).join('/')}`)
    const drawn = fc.uniqueArray(fc.record({ path, version: fc.constantFrom(undefined, 'v1', 'v2', 'v10') }), { maxLength: 14, selector: ({ path: one, version }) => `${one} ${version}` })
    const asked = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`)
    fc.assert(
      fc.property(drawn, asked, (list, at) => {
        const routes = list.map(({ path: one, version }) => versioned(one, version))
        const table = tableOf(...routes)
        for (const version of ['v1', 'v2', 'v10']) {
          const own = routes.filter((one) => one.version === version)
          const alone = tableOf(...own.map(({ version: _version, ...one }) => one)).find('GET', at, '')
          const match = table.ofVersion(version)?.find('GET', at, '') ?? { kind: 'none' }
          expect(match.kind).toBe(alone.kind)
          if (match.kind === 'found' && alone.kind === 'found') expect(match.route.node).toBe(alone.route.node)
        }
        // A place says of every version that has this very pattern, and of no other.
        const match = table.find('GET', at, '')
        if (match.kind !== 'found') return
        const here = routes.filter((one) => one.entry.path === match.route.entry.path)
        const said = match.route.versions?.routes ?? [match.route]
        expect(said.map(({ node }) => node).toSorted()).toEqual(here.map(({ node }) => node).toSorted())
      }),
      { numRuns: 500 },
    )
  })

  it('refuses two routes of one place exactly when their versions are the same', () => {
    const version = fc.option(fc.constantFrom('v1', 'V1', 'v2', 'v10'), { nil: undefined })
    fc.assert(
      fc.property(fc.array(version, { minLength: 1, maxLength: 6 }), (list) => {
        const { conflicts } = buildRoutes(list.map((one, place) => ({ ...versioned('/a/:x', one), node: `n${place}` })))
        expect(conflicts.length).toBe(list.length - new Set(list.map((one) => one?.toLowerCase())).size)
      }),
    )
  })
})

/** What is fixed before what varies before what takes the rest, read from the left. */
function rank(pattern: string): string {
  return pattern.replaceAll(/:\w+/g, '1').replaceAll('*', '2').replaceAll(/[a-z-]+/g, '0') + (pattern.endsWith('*') ? '9' : '')
}

function matchesNaively(pattern: string, path: string): boolean {
  const source = pattern.replaceAll(/:\w+/g, '[^/]+').replace(/\*$/, '.*')
  return new RegExp(`^${source}$`, 'i').test(path) || new RegExp(`^${source}/$`, 'i').test(path)
}
