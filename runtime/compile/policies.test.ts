import { describe, expect, test } from 'vitest'
import { bareNodes } from '../../test/kit/bare-deployer.ts'
import { createAssembler } from './assemble.ts'
import { createCatalogue } from './catalogue.ts'
import { checkFlows, toRevisions } from './check.ts'
import type { EditorNode } from '../core/flow.ts'

const definitions = bareNodes({})
const codes = (nodes: unknown, severity = 'error') => checkFlows(nodes, definitions).filter((problem) => problem.severity === severity).map(({ code, node }) => `${code} ${node ?? ''}`.trim())
const owned = (id: string, organisation = 'shop') => ({ id, type: 'tab', label: id, env: [{ name: 'SLUICE_ORGANISATION', type: 'str', value: organisation }] })
const policy = (more: object = {}, ...wires: string[]) => ({ id: 'p', type: 'global policy', z: 'P', wires: [wires.length > 0 ? wires : ['back']], ...more })
const back = { id: 'back', type: 'link out', z: 'P', mode: 'return', links: [], wires: [] }
const guard = { id: 'g', type: 'guard', z: 'P', wires: [['back']] }
const stop = { id: 'stop', type: 'reply', z: 'P', wires: [] }
const api = [owned('t'), { id: 'in', type: 'http in', z: 't', url: '/x', wires: [['r']] }, { id: 'r', type: 'reply', z: 't', wires: [] }]

describe('a global policy', () => {
  test('on a tab of an organisation is fit to deploy, whether it comes back or answers', () => {
    expect(codes([owned('P'), policy(), back, ...api])).toEqual([])
    expect(codes([owned('P'), policy({}, 'stop'), stop, ...api])).toEqual([])
    expect(codes([owned('P'), policy({ when: 'after' }), back, ...api])).toEqual([])
  })

  test('on a tab without an organisation is refused with the place and what to do', () => {
    const found = checkFlows([{ id: 'P', type: 'tab', label: 'Policies' }, policy(), back, ...api], definitions).filter(({ severity }) => severity === 'error')
    expect(found).toMatchObject([{ code: 'policy.organisation', flow: 'P', node: 'p', message: expect.stringContaining('“Policies”'), remedy: expect.stringContaining('SLUICE_ORGANISATION') }])
  })

  test.each([
    ['that neither comes back nor answers', [policy({}, 'w'), { id: 'w', type: 'work', z: 'P', step: 'x', wires: [[]] }], ['policy.no_end p']],
    ['that runs after the APIs and never comes back', [policy({ when: 'after' }, 'w'), { id: 'w', type: 'work', z: 'P', step: 'x', wires: [[]] }], ['policy.no_end p']],
    ['that runs after the APIs and answers in their place', [policy({ when: 'after' }, 'stop', 'back'), stop, back], ['policy.replies p']],
    ['whose only return is that of a flow which it calls', [policy({}, 'call'), { id: 'call', type: 'link call', z: 'P', links: ['li'], wires: [[]] }, { id: 'li', type: 'link in', z: 'P', links: [], wires: [['back']] }, back], ['policy.no_end p']],
    ['that leaves it to the environment where it runs', [policy({ when: '${WHEN}' }), back], ['policy.config p']],
  ])('%s is refused', (_what, nodes, expected) => {
    expect(codes([owned('P'), ...nodes, ...api]).filter((code) => code.startsWith('policy'))).toEqual(expected)
  })

  test('inside a subflow is refused', () => {
    expect(codes([...api, { id: 'S', type: 'subflow', name: 'S', in: [], out: [] }, { ...policy(), z: 'S' }, { ...back, z: 'S' }])).toEqual(['policy.place p'])
  })

  test('says so when an API lies on its tab: nothing runs around that one', () => {
    expect(codes([owned('P'), policy(), back, { id: 'in2', type: 'http in', z: 'P', url: '/y', wires: [['stop']] }, stop], 'warning')).toContain('policy.own_route in2')
  })

  test('is no reply of the APIs: one that can reach none itself is still refused', () => {
    expect(codes([owned('P'), policy({}, 'stop', 'back'), stop, back, owned('t'), { id: 'in', type: 'http in', z: 't', url: '/x', wires: [[]] }])).toEqual(['reply.unreachable in'])
  })
})

describe('a route', () => {
  const assemble = createAssembler(createCatalogue(definitions))
  const guarded = (nodes: readonly unknown[]) => Object.fromEntries(assemble(toRevisions(nodes as EditorNode[])).flows.flatMap(({ routes }) => routes.map(({ node, guarded: is }) => [node, is])))
  const own = (id: string, type: string, wires: string[], more: object = {}) => ({ id, type, z: 't', wires: [wires], ...more })
  const entry = (...wires: string[]) => own('in', 'http in', wires, { url: '/x' })
  const reply = { id: 'r', type: 'reply', z: 't', wires: [] }
  const is = (...nodes: object[]) => guarded([owned('t'), ...nodes, reply]).in

  test('asks who calls when every way to a reply does', () => {
    expect(is(entry('g'), own('g', 'guard', ['r']))).toBe(true)
    expect(is(entry('g', 'w'), own('g', 'guard', ['r']), own('w', 'work', ['r'], { step: 'x' }))).toBe(false)
    expect(is(entry('r'))).toBe(false)
  })

  test('that reaches its reply by a link, a call, a subflow or a Complete node is looked at there', () => {
    const out = own('out', 'link out', [], { links: ['li'] })
    const link = (...wires: string[]) => own('li', 'link in', wires, { links: ['out'] })
    expect(is(entry('out'), out, link('g'), own('g', 'guard', ['r']))).toBe(true)
    expect(is(entry('out'), out, link('r'), own('g', 'guard', ['r']))).toBe(false)
    const call = own('call', 'link call', ['r'], { links: ['li'] })
    const home = own('home', 'link out', [], { mode: 'return' })
    expect(is(entry('call'), call, link('g'), own('g', 'guard', ['home']), home)).toBe(true)
    expect(is(entry('call'), call, link('home'), home, own('g', 'guard', []))).toBe(false)
    expect(is(entry('call'), own('call', 'link call', ['g'], { linkType: 'dynamic' }), own('g', 'guard', ['r']))).toBe(false)
    expect(is(entry('w', 'g'), own('w', 'work', [], { step: 'x' }), own('g', 'guard', ['r']), own('done', 'complete', ['r'], { scope: ['w'] }))).toBe(false)
    expect(is(entry('s'), own('s', 'subflow:S', ['r']), { id: 'S', type: 'subflow', name: 'S', in: [{ wires: [{ id: 'sg' }] }], out: [{ wires: [{ id: 'sg', port: 0 }] }] }, { id: 'sg', type: 'guard', z: 'S', wires: [[]] })).toBe(true)
  })

  test('may refuse and report errors in its own words and still asks, unless a Catch node is its way to a backend', () => {
    const caught = (...wires: string[]) => own('c', 'catch', wires)
    expect(is(entry('w'), own('w', 'work', ['g'], { step: 'x' }), own('g', 'guard', ['r']), caught('r'))).toBe(true)
    expect(is(entry('w'), own('w', 'work', [], { step: 'x' }), caught('r'))).toBe(false)
    expect(is(entry('w'), own('w', 'work', ['g'], { step: 'x' }), own('g', 'guard', ['r']), caught('b'), own('b', 'backend', ['r']))).toBe(false)
  })

  test('is looked at through a policy before it, and again when that policy changes', () => {
    expect(guarded([owned('P'), policy({}, 'g'), guard, back, ...api])).toEqual({ in: true })
    expect(guarded([owned('P'), policy(), back, ...api])).toEqual({ in: false })
    expect(guarded([owned('P'), policy({}, 'g', 'back'), guard, back, ...api])).toEqual({ in: false })
    expect(guarded([owned('P', 'other'), policy({}, 'g'), guard, back, ...api])).toEqual({ in: false })
    expect(guarded([owned('P'), policy({ when: 'after' }, 'g'), guard, back, ...api])).toEqual({ in: false })
  })

  test('that is not meant by a policy’s paths and methods is not protected by it', () => {
    const routes = [owned('t'), { id: 'a', type: 'http in', z: 't', url: '/orders', wires: [['r']] }, { id: 'b', type: 'http in', z: 't', url: '/Orders/:id', wires: [['r']] }, { id: 'c', type: 'http in', z: 't', url: '/orders2', wires: [['r']] }, { id: 'd', type: 'http in', z: 't', url: '/orders', method: 'post', wires: [['r']] }, reply]
    expect(guarded([owned('P'), policy({ paths: ['/orders/'] }, 'g'), guard, back, ...routes])).toEqual({ a: true, b: true, c: false, d: true })
    expect(guarded([owned('P'), policy({ methods: ['POST'] }, 'g'), guard, back, ...routes])).toEqual({ a: false, b: false, c: false, d: true })
    expect(guarded([owned('P'), policy({ paths: ['/'] }, 'g'), guard, back, ...routes])).toEqual({ a: true, b: true, c: true, d: true })
  })

  test('that is public is a warning, and an error where public routes are forbidden', () => {
    const found = (publicRoutes: 'allow' | 'forbid') => createAssembler(createCatalogue(definitions), {}, { publicRoutes })(toRevisions(api as EditorNode[])).problems
    expect(found('allow')).toMatchObject([{ severity: 'warning', code: 'route.public', node: 'in' }])
    expect(found('forbid')).toMatchObject([{ severity: 'error', code: 'route.public', node: 'in', remedy: expect.stringContaining('SLUICE_PUBLIC_ROUTES') }])
  })
})
