import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { definitions } from '../../../nodes/index.ts'
import { useCommandLine } from '../../../test/kit/command-line.ts'

const root = { name: 'admin', role: 'admin', from: '' } as const
const fixture = new URL('../../../control/publish/fixtures/', import.meta.url).pathname
const cli = useCommandLine({
  definitions,
  async prepare({ users, consumers }) {
    await users.create({ name: 'vera', role: 'subscriber', password: 'open sesame 1' }, 'admin')
    await consumers.organisations.create({ id: 'town', name: 'Town' }, root)
  },
})
const { folder } = cli
const sluice = (...words: string[]) => cli.run('admin', ...words)

test('a service becomes an API: tried first, registered, stopped and started', async () => {
  const register = ['apis', 'register', 'https://orders.example/v1/orders/{id}', '--id', 'orders', '--organisation', 'town', '--path', '/orders/:id', '--method', 'get', 'put', '--api-version', 'v2', '--publish']
  expect(await sluice(...register, '--dry-run')).toBe(0)
  expect(cli.out).toContain('+ GET     /orders/:id → https://orders.example/v1/orders/{{req.params.id}}')
  expect(cli.out).toContain('dry run')
  expect(await sluice('apis', 'show', 'orders')).toBe(1)
  expect(await sluice(...register)).toBe(0)
  expect(cli.out).toContain('(PUBLISHED)')
  expect(cli.out).toMatch(/Live as release \d+\./)
  expect(await sluice('apis', 'stop', 'orders')).toBe(0)
  expect(cli.out).toContain('503')
  expect(await sluice('apis', 'stop', 'orders')).toBe(0)
  expect((await cli.control.consumers.apis.get('orders', root)).lifecycle).toBe('BLOCKED')
  expect(await sluice('apis', 'start', 'orders')).toBe(0)
  expect((await cli.control.consumers.apis.get('orders', root)).lifecycle).toBe('PUBLISHED')
})

test('a document becomes an API; one that is broken says where, and what to do', async () => {
  expect(await sluice('apis', 'register', join(fixture, 'parking.yaml'), '--id', 'parking', '--organisation', 'town', '--no-auth', '--group', 'city', '--create-group', '--json')).toBe(0)
  const { apis: [api] } = JSON.parse(cli.out) as { apis: [{ routes: unknown[]; nodes: { type: string }[] }] }
  expect(api.routes).toHaveLength(2)
  expect(api.nodes.some(({ type }) => type === 'auth')).toBe(false)
  const broken = join(folder, 'broken.json')
  writeFileSync(broken, readFileSync(join(fixture, 'weather.json'), 'utf8').replace('"description": "Taken."', '"descriptoin": "Taken."'))
  expect(await sluice('apis', 'register', broken, '--id', 'broken', '--organisation', 'town')).toBe(1)
  expect(cli.err).toContain('/openapi/paths/~1stations~1{id}~1readings/post/responses/202')
  expect(await sluice('apis', 'register', join(folder, 'nowhere.yaml'), '--id', 'x', '--organisation', 'town')).toBe(2)
})

test('a file of APIs goes live at once, with documents named relative to it', async () => {
  mkdirSync(join(folder, 'bulk'))
  writeFileSync(join(folder, 'bulk', 'library.yaml'), readFileSync(join(fixture, 'library.yaml')))
  const file = join(folder, 'bulk', 'apis.yaml')
  writeFileSync(file, 'apis:\n  - { id: library, organisation: town, openapi: library.yaml, lifecycle: PROTOTYPED }\n  - id: news\n    organisation: town\n    url: https://news.example/feed\n    path: /news\n')
  const before = (await cli.control.releases.list())[0]!.id
  expect(await sluice('apis', 'register-bulk', file, '--dry-run')).toBe(0)
  expect(cli.out).toContain('+ apis/library “Town library”')
  expect((await cli.control.releases.list())[0]!.id).toBe(before)
  expect(await sluice('apis', 'register-bulk', file)).toBe(0)
  expect(cli.err).toContain('+ apis/news')
  expect(cli.out).toContain(`Live as release ${before + 1}.`)
  expect(await sluice('apis', 'register-bulk', file)).toBe(0)
  expect(cli.out).not.toContain('Live as')
  writeFileSync(file, 'apis:\n  - { id: news, organisation: town, url: nonsense, path: /news }\n')
  expect(await sluice('apis', 'register-bulk', file)).toBe(1)
  expect(cli.err).toContain('/apis/0/url')
})

test('members, groups and products are listed, made, changed and taken out of use', async () => {
  expect(await sluice('members', 'add', 'vera', '--organisation', 'town', '--role', 'creator')).toBe(0)
  expect(await sluice('members', 'set', 'vera', '--organisation', 'town', '--role', 'publisher')).toBe(0)
  expect(await sluice('members', 'list', '--organisation', 'town')).toBe(0)
  expect(cli.out).toMatch(/town +vera +publisher/)
  expect(await sluice('members', 'remove', 'vera', '--organisation', 'town')).toBe(0)
  expect(await sluice('members', 'list')).toBe(0)
  expect(cli.out).toContain('No members.')

  expect(await sluice('groups', 'add', 'Trade', '--id', 'trade', '--organisation', 'town', '--api', 'orders')).toBe(0)
  expect(await sluice('groups', 'change', 'trade', '--add', 'parking', '--remove', 'orders')).toBe(0)
  expect(await sluice('groups', 'change', 'trade', '--remove', 'orders')).toBe(2)
  expect(await sluice('groups', 'change', 'trade')).toBe(2)
  expect(await sluice('groups', 'list')).toBe(0)
  expect(cli.out).toMatch(/trade +Trade +town +parking/)
  expect(await sluice('products', 'add', 'All', '--id', 'all', '--organisation', 'town', '--api', 'orders', '--group', 'trade')).toBe(0)
  expect(await sluice('groups', 'retire', 'trade')).toBe(1)
  expect(await sluice('products', 'change', 'all', '--remove-group', 'trade', '--add', 'news')).toBe(0)
  expect(cli.out).toContain('orders, news')
  expect(await sluice('products', 'show', 'all')).toBe(0)
  expect(cli.out).toContain('none')
  expect(await sluice('products', 'retire', 'all')).toBe(0)
  expect(await sluice('groups', 'retire', 'trade')).toBe(0)
  expect(await sluice('products', 'list')).toBe(0)
  expect(cli.out).toContain('No products.')
})
