import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildRoutes } from '../http/route-table.ts'
import { bareNodes } from '../../test/kit/bare-deployer.ts'
import { createAssembler } from './assemble.ts'
import { createCatalogue } from './catalogue.ts'
import { toRevisions } from './check.ts'
import { findOverlaps } from './find-overlaps.ts'
import { readNodes } from './read-nodes.ts'

const assemble = createAssembler(createCatalogue(bareNodes({})))
type Drawn = readonly [organisation: string | undefined, ...urls: string[]]
function flowsOf(...tabs: Drawn[]) {
  const nodes = tabs.flatMap(([organisation, ...urls], index) => [
    { id: `t${index}`, type: 'tab', label: 't', env: organisation ? [{ name: 'SLUICE_ORGANISATION', type: 'str', value: organisation }] : [] },
    ...urls.map((text, at) => {
      const [url, method = 'get', host] = text.split(' ')
      return { id: `t${index}n${at}`, type: 'http in', z: `t${index}`, url, method, ...(host ? { host } : {}), wires: [] }
    }),
  ])
  return assemble(toRevisions(readNodes(nodes).nodes)).flows
}
const met = (...tabs: Drawn[]) => findOverlaps(flowsOf(...tabs)).map(({ problems }) => problems.map(({ node }) => node).join(' ')).toSorted()

test('what one call could mean of two owners is found, whichever is the closer one and whatever the method', () => {
  for (const [theirs, mine] of [
    ['/orders/:id', '/orders/7'], ['/orders/7', '/orders/:id'], ['/orders/*', '/orders/7/lines'], ['/orders/7/lines', '/orders/*'], ['/:any/list', '/orders/:id'], ['/orders/:id', '/Orders/7 post'],
    ['/orders/*', '/orders'], ['/files/:name.json', '/files/:a.:b'], ['/a/:b?', '/a/x'], ['/items/:id(\\d+)', '/items/list'], ['/orders/%41', '/orders/*'], ['/*', '/orders'], ['/x*', '/x1'], ['/x*', '/x/y'],
  ]) expect([theirs, mine, met(['bank', theirs!], ['thief', mine!])]).toEqual([theirs, mine, ['t1n0 t0n0']])
})

test('paths that lie apart are nobody else’s business, nor are those of one owner', () => {
  expect(met(['bank', '/orders/:id', '/orders/:id/lines', '/files/v:a'], ['shop', '/orders', '/orders/7/notes', '/files/w1', '/order/7', '/shop*'], [undefined, '/shared/:x'])).toEqual([])
  expect(met(['bank', '/orders/:id', '/orders/7', '/orders/*'])).toEqual([])
  expect(met(['bank', '/orders/:id'], ['bank', '/orders/7'], ['shop', '/shop'])).toEqual([])
})

test('what is nobody’s is not taken from either; only its /* leaves to others what they answer', () => {
  expect(met([undefined, '/shared/*'], ['thief', '/shared/login'])).toEqual(['t1n0 t0n0'])
  expect(met([undefined, '/* all'], ['bank', '/bank/*'], ['shop', '/shop/:id'])).toEqual([])
  expect(met([undefined, '/health'], ['thief', '/*'])).toEqual(['t1n0 t0n0'])
})

test('each pair is told once, and the search ends when it has found enough', () => {
  const flows = flowsOf(['bank', '/orders/:id', '/orders/:id/lines', '/orders/:id/:a?'], ['thief', '/orders/*'])
  expect(new Set(findOverlaps(flows).map(({ pair }) => pair)).size).toBe(3)
  expect(findOverlaps(flows).length).toBe(3)
  expect(findOverlaps(flows, 1).length).toBe(1)
})

test('where nothing is found, no call comes to anybody but who would get it alone', () => {
  const part = fc.constantFrom('a', 'b', 'ab', ':x', 'a:x', ':y?', 'b:x')
  const path = fc.tuple(fc.array(part, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '', '/*')).map(([parts, rest]) => `/${parts.join('/')}${rest}`).filter((one) => new Set(one.match(/:\w/g)).size === (one.match(/:\w/g) ?? []).length)
  const asked = fc.array(fc.constantFrom('a', 'b', 'ab', 'c', 'ax'), { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`)
  fc.assert(fc.property(path, path, fc.array(asked, { minLength: 1, maxLength: 8 }), (one, two, calls) => {
    const flows = flowsOf(['bank', one], ['thief', two])
    if (findOverlaps(flows).length > 0 || one === two) return
    const routes = flows.flatMap((flow) => flow.routes)
    const find = (of: typeof routes, call: string) => {
      const { table } = buildRoutes(of, undefined as never)
      const match = table.find('GET', call, '')
      return match.kind === 'found' ? match.route.flow : undefined
    }
    for (const call of calls) {
      const bank = find(routes.slice(0, 1), call)
      const thief = find(routes.slice(1), call)
      expect([one, two, call, bank !== undefined && thief !== undefined]).toEqual([one, two, call, false])
    }
  }), { numRuns: 150 })
})
