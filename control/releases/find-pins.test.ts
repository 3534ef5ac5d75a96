import { expect, test } from 'vitest'
import { pinnedId, toPinnedDocument } from '../../runtime/compile/pinned-flow.ts'
import type { FlowDocument } from '../../runtime/core/flow.ts'
import type { Revision } from '../../runtime/core/release.ts'
import { findPins, withPinnedCredentials } from './find-pins.ts'

const hash = (letter: string) => letter.repeat(64)
const tab = (id: string, organisation: string | undefined, ...nodes: Record<string, unknown>[]): FlowDocument => ({
  id, kind: 'tab', label: id,
  nodes: [{ id, type: 'tab', env: organisation === undefined ? [] : [{ name: 'SLUICE_ORGANISATION', value: organisation, type: 'str' }] }, ...nodes.map((node) => ({ z: id, ...node }))] as never,
})
const revision = (letter: string, document: FlowDocument): Revision => ({ hash: hash(letter), document })
const begin = { id: 'begin', type: 'sub-flow in', wires: [['work']] }
const call = (pin: string, id = 'call') => ({ id, type: 'sub-flow', flow: 'begin', revision: pin, wires: [[]] })

test('of an earlier revision stays what is called and what it is wired, linked or referred to; nothing else begins a second time', () => {
  const { id, nodes } = toPinnedDocument(revision('a', tab('t', 'shop', begin,
    { id: 'work', type: 'service callout', upstream: 'up', wires: [['out']] }, { id: 'up', type: 'upstream', name: 'work' }, { id: 'out', type: 'link out', links: ['in', 'elsewhere'], wires: [] },
    { id: 'in', type: 'link in', links: ['out', 'foreign'], wires: [['end']] }, { id: 'end', type: 'end', wires: [] }, { id: 'catch', type: 'catch', scope: ['work', 'route'], wires: [['end']] },
    { id: 'route', type: 'http in', wires: [['work', 'unused']] }, { id: 'tick', type: 'inject', repeat: '1', wires: [['work']] }, { id: 'unused', type: 'change', wires: [] }, { id: 'deaf', type: 'complete', scope: ['route'], wires: [['end']] },
  )))
  const at = (one: string) => pinnedId(one, hash('a'))
  expect(id).toBe('t@aaaaaaaaaaaa')
  expect(Object.fromEntries(nodes.map((node) => [node.id, [node.wires, node.links ?? node.scope ?? node.upstream]]))).toEqual({
    [at('t')]: [undefined, undefined], [at('begin')]: [[[at('work')]], undefined], [at('work')]: [[[at('out')]], at('up')], [at('up')]: [undefined, undefined],
    [at('out')]: [[], [at('in'), 'elsewhere']], [at('in')]: [[[at('end')]], [at('out')]], [at('end')]: [[], undefined], [at('catch')]: [[[at('end')]], [at('work')]],
  })
  expect(nodes.every((node) => node.type === 'tab' || node.z === at('t'))).toBe(true)
})

test('a revision of when the flow was another organisation’s is refused; of a flow that is gone only who is kept already is kept', async () => {
  const load = async () => revision('a', tab('t', 'bank', begin))
  const drawn = (...documents: FlowDocument[]) => documents.map((document, at) => revision(String(at), document))
  const taken = await findPins(drawn(tab('t', 'shop', begin), tab('c', 'shop', call('aaaaaaaa'))), { live: [], load })
  expect(taken).toMatchObject({ documents: [], problems: [{ code: 'subflow_call.pinned_elsewhere', node: 'call' }] })
  const gone = drawn(tab('c', 'shop', call('aaaaaaaa')))
  expect(await findPins(gone, { live: [], load })).toEqual({ documents: [], problems: [] })
  const kept = toPinnedDocument(revision('a', tab('t', 'shop', begin)))
  expect((await findPins(gone, { live: [revision('k', kept)], load })).documents).toEqual([kept])
})

test('an earlier revision that is pinned to another one brings it along, and callers of one share it', async () => {
  const loaded: string[] = []
  const other = { id: 'other', type: 'sub-flow in', wires: [[]] }
  const load = async (flow: string) => (loaded.push(flow), flow === 't' ? revision('a', tab('t', undefined, { ...begin, wires: [['deep']] }, { ...call('bbbbbbbb', 'deep'), flow: 'other' })) : revision('b', tab('o', undefined, other)))
  const found = await findPins([revision('0', tab('t', undefined, begin)), revision('1', tab('o', undefined, other)), revision('2', tab('c', undefined, call('aaaaaaaa'), call('aaaaaaaaaa', 'again')))], { live: [], load })
  expect([found.documents.map(({ id }) => id), loaded]).toEqual([['t@aaaaaaaaaaaa', 'o@bbbbbbbbbbbb'], ['t', 'o']])
})

test('nodes of an earlier revision work with the credentials of now, and with the last ones when the node is gone', () => {
  const pinned = toPinnedDocument(revision('a', tab('t', undefined, begin, { id: 'work', type: 'x', wires: [] })))
  const at = pinnedId('work', hash('a'))
  const value = (password: string) => ({ password }) as never
  expect(withPinnedCredentials(new Map([['work', value('new')]]), [pinned], new Map([[at, value('old')]]), new Map()).get(at)).toEqual(value('new'))
  expect(withPinnedCredentials(new Map(), [pinned], new Map([[at, value('old')]]), new Map()).get(at)).toEqual(value('old'))
  expect(withPinnedCredentials(new Map(), [pinned], new Map(), new Map([['work', value('removed')]])).get(at)).toEqual(value('removed'))
})
