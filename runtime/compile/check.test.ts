import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bareNodes } from '../../test/kit/bare-deployer.ts'
import { checkFlows } from './check.ts'
import { joinFlows, splitFlows } from './split.ts'

const definitions = bareNodes({})
const problemsOf = (nodes: unknown) => checkFlows(nodes, definitions, [{ type: 'exec', never: true }, { type: 'mqtt in' }])
const codes = (nodes: unknown, severity = 'error') => problemsOf(nodes).filter((problem) => problem.severity === severity).map(({ code, node }) => `${code} ${node ?? ''}`.trim())

const tab = { id: 't', type: 'tab', label: 'T' }
const entry = { id: 'in', type: 'http in', z: 't', url: '/x', wires: [['r']] }
const reply = { id: 'r', type: 'reply', z: 't', wires: [] }

describe('check', () => {
  test('finds nothing wrong with a sound flow', () => {
    expect(codes([tab, entry, reply])).toEqual([])
  })

  test.each([
    ['a text that is no list', 'x', ['flow.not_a_list']],
    ['an entry without type', [tab, { id: 'q' }], ['node.malformed q']],
    ['an id that occurs twice', [tab, entry, reply, { ...reply }], ['node.malformed r']],
    ['an unknown type', [tab, entry, reply, { id: 'u', type: 'frobnicate', z: 't', wires: [] }], ['node.unknown u']],
    ['a type that is not available yet', [tab, entry, reply, { id: 'u', type: 'mqtt in', z: 't', wires: [] }], ['node.not_available u']],
    ['a type that policy refuses', [tab, entry, reply, { id: 'u', type: 'exec', z: 't', wires: [] }], ['node.refused u']],
    ['a wire to nowhere', [tab, { ...entry, wires: [['r', 'gone']] }, reply], ['wire.nowhere in']],
    ['a wire to another tab', [tab, { id: 't2', type: 'tab' }, entry, { ...reply, z: 't2' }], ['wire.nowhere in', 'reply.unreachable in']],
    ['a route that can reach no reply', [tab, { ...entry, wires: [[]] }, reply], ['reply.unreachable in']],
    ['two routes that answer the same requests', [tab, entry, { ...entry, id: 'in2', url: '/X/' }, reply], ['route.duplicate in2']],
    ['a subflow that is missing', [tab, entry, reply, { id: 's', type: 'subflow:nope', z: 't', wires: [] }], ['subflow.missing s']],
    ['a node on a tab that is missing', [tab, entry, reply, { id: 'h', type: 'reply', z: 'gone', wires: [] }], ['node.homeless h']],
    ['a link call to nowhere', [tab, { ...entry, wires: [['c']] }, { id: 'c', type: 'link call', z: 't', links: ['gone'], wires: [['r']] }, reply], ['link.nowhere c']],
  ])('refuses %s', (_what, nodes, expected) => {
    expect(codes(nodes)).toEqual(expected)
  })

  test('gives every problem a sentence and a remedy', () => {
    for (const problem of problemsOf([tab, { ...entry, wires: [['gone']] }, { id: 'u', type: 'frobnicate', z: 't' }])) {
      expect(problem.message).toMatch(/\.$/)
      expect(problem.remedy).toMatch(/\.$/)
    }
  })

  test('judges what the environment puts into a config, at the node that names it', () => {
    const filled = (value: unknown) => codes([{ ...tab, env: [{ name: 'URL', type: 'json', value: JSON.stringify(value) }] }, { ...entry, url: '${URL}' }, reply])
    expect(filled('/from/env')).toEqual([])
    expect(filled(5)).toEqual(['config.invalid in'])
  })

  test('warns about a circle and lets it pass', () => {
    const nodes = [tab, { ...entry, wires: [['a']] }, { id: 'a', type: 'work', z: 't', step: 'x', wires: [['b']] }, { id: 'b', type: 'work', z: 't', step: 'x', wires: [['a', 'r']] }, reply]
    expect({ errors: codes(nodes), warnings: codes(nodes, 'warning') }).toEqual({ errors: [], warnings: [expect.stringMatching(/^flow.loop/), 'route.public in'] })
  })

  test('warns about a circle that goes through a link', () => {
    const nodes = [tab, { ...entry, wires: [['a']] }, { id: 'a', type: 'work', z: 't', step: 'x', wires: [['o', 'r']] }, { id: 'o', type: 'link out', z: 't', links: ['li'], wires: [] }, { id: 'li', type: 'link in', z: 't', links: ['o'], wires: [['a']] }, reply]
    expect(codes(nodes, 'warning')).toContainEqual(expect.stringMatching(/^flow.loop/))
  })

  test('finds the reply behind subflows, links, link calls and Catch nodes', () => {
    const subflow = [{ id: 'S', type: 'subflow', name: 'S', in: [{ wires: [{ id: 's' }] }], out: [] }, { id: 's', type: 'reply', z: 'S', wires: [] }]
    expect(codes([tab, { ...entry, wires: [['i']] }, { id: 'i', type: 'subflow:S', z: 't', wires: [] }, ...subflow])).toEqual([])
    const links = [{ id: 'u', type: 'tab' }, { id: 'li', type: 'link in', z: 'u', links: [], wires: [['back']] }, { id: 'back', type: 'link out', mode: 'return', z: 'u', links: [], wires: [] }]
    expect(codes([tab, { ...entry, wires: [['c']] }, { id: 'c', type: 'link call', z: 't', links: ['li'], wires: [['r']] }, reply, ...links])).toEqual([])
    expect(codes([tab, { ...entry, wires: [['w']] }, { id: 'w', type: 'work', z: 't', step: 'x', wires: [[]] }, { id: 'c', type: 'catch', z: 't', wires: [['r']] }, reply])).toEqual([])
  })

  test('does not take what a returning link once led to for a way to a reply', () => {
    const nodes = [tab, { ...entry, wires: [['o']] }, { id: 'o', type: 'link out', mode: 'return', z: 't', links: ['li'], wires: [] }, { id: 'li', type: 'link in', z: 't', links: [], wires: [['r']] }, reply]
    expect(codes(nodes)).toEqual(['reply.unreachable in'])
  })

  test('warns once per flow about routes that anybody may call', () => {
    const second = { ...entry, id: 'in2', url: '/y' }
    expect(codes([tab, entry, second, reply], 'warning')).toEqual(['route.public in'])
    const guard = { id: 'g', type: 'guard', z: 't', wires: [['r']] }
    expect(codes([tab, { ...entry, wires: [['g']] }, guard, reply], 'warning')).toEqual([])
  })

  test('leaves out what is disabled: nodes of unknown type, whole tabs, wires to them', () => {
    expect(codes([tab, { ...entry, wires: [['r', 'u']] }, reply, { id: 'u', type: 'frobnicate', z: 't', d: true }, { id: 'off', type: 'tab', disabled: true }, { ...entry, id: 'in3', z: 'off', wires: [['gone']] }, { id: 'm', type: 'mqtt in', z: 'off', wires: [] }])).toEqual([])
  })

  test('never throws, whatever JSON it is given', () => {
    const id = fc.constantFrom('a', 'b', 'c', 't', 'S', 'in')
    const node = fc.record({ id, type: fc.constantFrom('tab', 'subflow', 'subflow:S', 'group', 'junction', 'link in', 'link out', 'link call', 'http in', 'work', 'reply', 'catch', 'nonsense'), z: fc.option(id, { nil: undefined }), g: fc.option(id, { nil: undefined }), wires: fc.array(fc.array(id)), links: fc.anything(), url: fc.anything(), env: fc.anything(), in: fc.anything(), out: fc.anything(), scope: fc.anything(), ports: fc.constant(['out']) }, { requiredKeys: ['id', 'type'] })
    fc.assert(fc.property(fc.oneof(fc.jsonValue(), fc.array(fc.oneof(node, fc.jsonValue()), { maxLength: 12 })), (json) => void problemsOf(json)), { numRuns: 400 })
  })
})

test('splitting and joining keeps every node, in the order of its canvas', () => {
  const nodes = [tab, { id: 't2', type: 'tab', label: 'B' }, entry, { id: 'x', type: 'work', z: 't2' }, reply, { id: 'cfg', type: 'conf' }, { id: 'S', type: 'subflow', name: 'S' }, { id: 's1', type: 'work', z: 'S' }]
  expect(joinFlows(splitFlows(nodes)).map(({ id }) => id)).toEqual(['t', 'in', 'r', 't2', 'x', 'S', 's1', 'cfg'])
})
