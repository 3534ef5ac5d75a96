import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createNodesReader, readNodes } from './read-nodes.ts'

/** Entries as deploys bring them: mostly readable, some of them not, few ids, so that some repeat. */
const entry = fc.oneof(
  { weight: 8, arbitrary: fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'), type: fc.constantFrom('tab', 'function'), wires: fc.constantFrom([], [['a']]) }) },
  { weight: 1, arbitrary: fc.constantFrom<unknown>(null, {}, { id: '' }, { id: 'a' }, { id: 'global', type: 'x' }, { id: 'k', type: 'x', wires: [1] }, { id: 'k', type: 'x', z: 3 }) },
)
const edit = fc.record({ at: fc.nat(12), gone: fc.nat(3), put: fc.array(entry, { maxLength: 3 }), wrapped: fc.boolean() })

test('a reader that remembers the list before says what one says that reads all of it', () => {
  fc.assert(fc.property(fc.uniqueArray(entry, { maxLength: 10, selector: (one) => (one as { id?: string } | null)?.id }), fc.array(edit, { maxLength: 8 }), (first, edits) => {
    const read = createNodesReader()
    let list: unknown[] = first
    const check = (wrapped: boolean) => expect(read(wrapped ? { flows: list } : list)).toEqual(readNodes(list))
    check(false)
    for (const { at, gone, put, wrapped } of edits) {
      list = list.toSpliced(Math.min(at, list.length), gone, ...put)
      check(wrapped)
    }
  }), { numRuns: 500 })
})

test('what is no list is refused, and what came before is read again', () => {
  const read = createNodesReader()
  const list = [{ id: 'a', type: 'tab' }]
  for (const json of [list, 'text', list, list, { flows: 1 }]) expect(read(json)).toEqual(readNodes(json))
})

test('entries that stay are not looked at again when another changes, goes or comes back', () => {
  let looks = 0
  const staying = ['a', 'b', 'c'].map((id) => ({ id, get type() { looks++; return 'tab' } }))
  const changing = () => ({ id: 'd', type: 'tab' })
  const [first, second, third] = staying
  const read = createNodesReader()
  read([first, changing(), second, third])
  looks = 0
  for (const list of [[first, changing(), second, third], staying, [first, second, changing(), third]]) {
    const { nodes, problems } = read(list)
    expect([nodes.every((node, index) => node === list[index]), nodes.length, problems]).toEqual([true, list.length, []])
  }
  expect(looks).toBe(0)
})

test('a list with secrets as they were typed is not kept', () => {
  const read = createNodesReader()
  const plain = { id: 'a', type: 'tab' }
  const held = [{ id: 'b', type: 'x', credentials: { password: 'typed' } }, { id: 'b', type: 'tab', env: [{ name: 'KEY', type: 'cred', value: 'typed' }] }]
  for (const secret of held) {
    let looks = 0
    const watched = { ...plain, get type() { looks++; return 'tab' } }
    read([watched])
    read([watched, secret])
    looks = 0
    expect(read([watched, secret]).nodes).toHaveLength(2)
    // It is looked at as if nothing had come before.
    expect(looks).toBeGreaterThan(0)
  }
})
