import fc from 'fast-check'
import { expect, it } from 'vitest'
import { memoryContext } from '../../test/kit/memory-context.ts'
import type { Context } from '../core/state/context.ts'
import { createLayeredContext } from './layered-context.ts'
import { createMemoryScope, createRoom } from './memory-scope.ts'

type Change = { readonly key: string; readonly do: 'set' | 'increment' | 'delete' | 'unset'; readonly value: number }

function apply(context: Context, change: Change): void {
  if (change.do === 'increment') context.increment(change.key === 'm' ? 'm.n' : change.key, change.value)
  else if (change.do === 'delete') context.delete(change.key)
  else context.set(change.key, change.do === 'unset' ? undefined : change.key === 'm' ? { n: change.value, text: 'x'.repeat(change.value) } : change.value)
}

const change: fc.Arbitrary<Change> = fc.record({
  key: fc.constantFrom('n', 'k', 'm', 'm.n', 'list[0]', 'list[1]'),
  do: fc.constantFrom('set', 'set', 'increment', 'increment', 'delete', 'unset'),
  value: fc.nat(9),
})

it('what was remembered can be put back: calls that are undone leave the scope, and its room, as if they had never been', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ changes: fc.array(change, { maxLength: 6 }), undone: fc.boolean() }), { maxLength: 12 }), fc.boolean(), (calls, layered) => {
      const room = createRoom(1e6)
      const scope = createMemoryScope(() => {}, room)
      const context = layered ? createLayeredContext(scope, createMemoryScope(() => {}, createRoom(1e6))) : scope
      const model = memoryContext()
      for (const { changes, undone } of calls) {
        const undo: (() => void)[] = []
        for (const each of changes) {
          undo.push(context.remember(each.key))
          apply(context, each)
          if (!undone) apply(model, each)
        }
        if (undone) for (const back of undo.reverse()) back()
        expect(context.keys().toSorted()).toEqual(model.keys().toSorted())
        for (const key of model.keys()) expect(context.get(key)).toEqual(model.get(key))
      }
      for (const key of context.keys()) context.delete(key)
      expect(room.leftBytes).toBe(room.limitBytes)
    }),
    { numRuns: 150 },
  )
})

it('a key that was put back is seen as changed, so that it is written to disk as it is', () => {
  let changes = 0
  const scope = createMemoryScope(() => void changes++, createRoom(1000))
  const back = scope.remember('n')
  scope.set('n', 1)
  back()
  expect([changes, scope.get('n'), scope.keys()]).toEqual([2, undefined, []])
})
