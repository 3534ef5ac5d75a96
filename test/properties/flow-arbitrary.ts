import fc from 'fast-check'
import type { EditorNode } from '../../runtime/core/flow.ts'

/** Ids from a small set, so that wires and references hit and miss. */
const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'tab1', 'tab2', 'sub1', 'g1', '', '__proto__', 'constructor')

const typeNames = [
  'tab', 'subflow', 'subflow:sub1', 'group', 'junction', 'comment', 'global-config', 'http in', 'http response', 'respond', 'change', 'switch', 'function', 'template', 'json',
  'split', 'join', 'catch', 'status', 'complete', 'link in', 'link out', 'link call', 'inject', 'debug', 'delay', 'csv', 'http request', 'service callout', 'transform', 'exec', 'no such node',
]

/** Values that a property may hold: right ones, near misses, and anything at all. */
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  id,
  fc.array(id, { maxLength: 3 }),
  fc.array(fc.array(id, { maxLength: 3 }), { maxLength: 3 }),
  fc.constantFrom('get', 'POST', '/x', '/x/:id', '/x/*', '/:a/:a', 'payload', 'msg', 'str', 'jsonata', '$sum(', '{{payload', 'return msg', 'return {', '/[/', 0, -1, 1e9, true, null),
)

const names = [
  'id', 'type', 'z', 'g', 'd', 'wires', 'name', 'label', 'disabled', 'env', 'info', 'url', 'method', 'func', 'outputs', 'rules', 'property', 'propertyType', 'links', 'mode', 'linkType', 'scope', 'uncaught',
  'in', 'out', 'status', 'nodes', 'x', 'y', 'template', 'libs', 'timeout', 'initialize', 'finalize', 'statusCode', 'headers', 'config', 'credentials', '__proto__', 'count', 'build', 'splt', 'cron', 'repeat', 'props',
]

/** A record that looks like one of the editor's more or less. */
const record = fc
  .tuple(id, fc.constantFrom(...typeNames), fc.option(id), fc.array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 6 }))
  .map(([ownId, type, z, more]) => {
    const made: Record<string, unknown> = { id: ownId, type, wires: [['b']], x: 1, y: 1 }
    if (z !== null) made['z'] = z
    for (const [name, held] of more) Object.defineProperty(made, name, { value: held, enumerable: true, configurable: true, writable: true })
    return made
  })

/** Flow JSON that is wrong in ways a file or a hostile client can be wrong. */
export const brokenFlows = fc.oneof({ weight: 4, arbitrary: fc.array(record, { maxLength: 12 }) }, { weight: 1, arbitrary: fc.array(fc.oneof(record, fc.jsonValue()), { maxLength: 6 }) }, { weight: 1, arbitrary: fc.jsonValue() })

const step = fc.constantFrom('change', 'function', 'template', 'json', 'switch', 'junction', 'debug', 'delay', 'subflow:outer', 'link call')
const configs: Readonly<Record<string, Record<string, unknown>>> = {
  change: { rules: [{ t: 'set', p: 'payload', pt: 'msg', to: 'x', tot: 'str' }] },
  function: { func: 'return msg', outputs: 1 },
  template: { field: 'payload', fieldType: 'msg', format: 'handlebars', syntax: 'mustache', template: 'x {{payload}}', output: 'str' },
  json: { property: 'payload', action: '', pretty: false },
  switch: { property: 'payload', propertyType: 'msg', rules: [{ t: 'else' }], checkall: 'true', outputs: 1 },
  junction: {},
  debug: { active: true, tosidebar: true, complete: 'payload', targetType: 'msg' },
  delay: { pauseType: 'delay', timeout: '1', timeoutUnits: 'milliseconds' },
  'subflow:outer': { env: [{ name: 'WORD', type: 'str', value: 'instance' }] },
  'link call': { links: ['library.in'], linkType: 'static', timeout: '1' },
}

/** What flows share: a subflow inside a subflow, with a status output and a Catch node, and a tab that others call and link to. */
const common: readonly Record<string, unknown>[] = [
  { id: 'outer', type: 'subflow', name: 'outer', in: [{ wires: [{ id: 'outer.1' }] }], out: [{ wires: [{ id: 'outer.2', port: 0 }, { id: 'outer', port: 0 }] }], status: { wires: [{ id: 'outer.3', port: 0 }] }, env: [{ name: 'WORD', type: 'str', value: 'template' }] },
  { id: 'outer.1', type: 'subflow:inner', z: 'outer', wires: [['outer.2']] },
  { id: 'outer.2', type: 'template', z: 'outer', ...configs.template, template: '${WORD}', wires: [[]] },
  { id: 'outer.3', type: 'catch', z: 'outer', scope: ['outer.1'], wires: [[]] },
  { id: 'inner', type: 'subflow', name: 'inner', in: [{ wires: [{ id: 'inner.1' }] }], out: [{ wires: [{ id: 'inner.2', port: 0 }] }], env: [] },
  { id: 'inner.1', type: 'link out', z: 'inner', links: [], wires: [] },
  { id: 'inner.2', type: 'link in', z: 'inner', links: ['inner.1'], wires: [[]] },
  { id: 'library', type: 'tab', label: 'library', env: [] },
  { id: 'library.in', type: 'link in', z: 'library', name: 'library', links: ['t0.out'], wires: [['library.1']] },
  { id: 'library.1', type: 'change', z: 'library', ...configs.change, wires: [['library.2']] },
  { id: 'library.2', type: 'link out', z: 'library', mode: 'return', links: [], wires: [] },
  { id: 'library.off', type: 'tab', label: 'off', disabled: true },
  { id: 'library.3', type: 'no such node', z: 'library.off', wires: [['nowhere']] },
]

/** What listens on a tab, in a group or for all of it, and answers for a step that failed. */
function listeners(z: string, reply: string, watched: string): Record<string, unknown>[] {
  return [
    { id: `${z}.g`, type: 'group', z, nodes: [`${z}.1`, `${z}.catch`], env: [{ name: 'WORD', type: 'str', value: 'group' }] },
    { id: `${z}.catch`, type: 'catch', z, g: `${z}.g`, scope: 'group', wires: [[reply]] },
    { id: `${z}.late`, type: 'catch', z, scope: null, uncaught: true, wires: [[reply]] },
    { id: `${z}.complete`, type: 'complete', z, scope: [watched], wires: [[`${z}.out`]] },
    { id: `${z}.status`, type: 'status', z, scope: null, wires: [[`${z}.out`]] },
    { id: `${z}.out`, type: 'link out', z, links: [], wires: [] },
  ]
}

/** A tab: what lies between http in and reply, wires besides, its route, and whether anything listens on it. */
const tabShape = fc.tuple(fc.array(step, { maxLength: 6 }), fc.array(fc.tuple(fc.nat(6), fc.nat(6)), { maxLength: 3 }), fc.integer({ min: 0, max: 40 }), fc.boolean())

/** Tabs with chains, side branches, loops, subflows, links and listeners of good nodes; every http in can reach its reply, mostly. */
export const plausibleFlows: fc.Arbitrary<EditorNode[]> = fc.array(tabShape, { minLength: 1, maxLength: 4 }).map((tabs) => [
  ...tabs.flatMap(([steps, extra, route, listened], tab) => {
    const z = `t${tab}`
    const types = ['http in', ...steps, 'http response']
    const wires = types.map((_, index) => (index + 1 < types.length ? [[`${z}.${index + 1}`]] : []) as string[][])
    for (const [from, to] of extra) wires[from % types.length]?.[0]?.push(`${z}.${(to % (types.length - 1)) + 1}`)
    const nodes = types.map((type, index) => ({
      id: `${z}.${index}`, type, z, name: '', x: index, y: tab, wires: wires[index] ?? [],
      ...(type === 'http in' ? { method: 'get', url: `/r${route}` } : type === 'http response' ? { statusCode: '', headers: {} } : configs[type]),
    }))
    const heard = listened ? listeners(z, `${z}.${types.length - 1}`, `${z}.1`) : []
    return [{ id: z, type: 'tab', label: z, disabled: false, info: '', env: [] }, ...nodes, ...heard] as unknown as EditorNode[]
  }),
  ...(structuredClone(common) as unknown as EditorNode[]),
])
