import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AssembledFlow } from './assemble.ts'
import { checkRoutes, createRouteCheck, routeKey } from './check-routes.ts'

/** As much of a flow as the check looks at. */
function flowOf(label: string, routes: readonly { readonly path: string; readonly version: string | undefined }[], organisation: string | undefined): AssembledFlow {
  const made = routes.map(({ path, version }, index) => ({ entry: { method: 'GET', path }, node: `${label}-${index}`, organisation, version }))
  return { flow: { nodes: new Map(), document: { label } }, routes: made, routeKeys: made.map(({ entry, version }) => routeKey(entry as never, version)) } as unknown as AssembledFlow
}

const flow = fc.record({
  label: fc.constantFrom('one', 'two', 'three'),
  routes: fc.array(fc.record({ path: fc.constantFrom('/a', '/b', '/c', '/d/:id', '/d/:name', '/E', '/e/'), version: fc.constantFrom(undefined, '1', '2') }), { maxLength: 3 }),
  organisation: fc.constantFrom(undefined, undefined, 'shop'),
}).map(({ label, routes, organisation }) => flowOf(label, routes, organisation))

test('a check that remembers the estate before says what one says that looks at all of it', () => {
  fc.assert(fc.property(fc.array(flow, { maxLength: 6 }), fc.array(fc.record({ at: fc.nat(6), gone: fc.nat(2), put: fc.array(flow, { maxLength: 2 }) }), { maxLength: 10 }), (first, edits) => {
    const check = createRouteCheck()
    let flows = first
    expect(check(flows)).toEqual(checkRoutes(flows))
    for (const { at, gone, put } of edits) {
      flows = flows.toSpliced(Math.min(at, flows.length), gone, ...put)
      expect(check(flows)).toEqual(checkRoutes(flows))
    }
  }), { numRuns: 1000 })
})

test('flows that stay are not looked at again when another changes, goes or comes back', () => {
  let looks = 0
  const watched = (flow: AssembledFlow) => ({ ...flow, get routes() { looks++; return flow.routes } })
  const staying = ['/a', '/b', '/c'].map((path) => watched(flowOf(path, [{ path, version: '1' }], 'shop')))
  const changing = () => flowOf('changing', [{ path: '/d', version: '1' }, { path: '/a', version: '2' }], 'shop')
  const check = createRouteCheck()
  check([...staying, changing()])
  looks = 0
  const ofAnother = flowOf('another', [{ path: '/d', version: '1' }], 'bank')
  for (const flows of [[...staying, changing()], staying, [changing(), ...staying], [ofAnother, ...staying]]) expect(check(flows)).toEqual([])
  expect(looks).toBe(0)
})
