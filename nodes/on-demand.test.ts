import { expect, it } from 'vitest'
import { definitions } from './index.ts'
import { loadOnDemand } from './on-demand.ts'

it('finds every node of the list by its type, and the same one again', () => {
  const find = loadOnDemand()
  expect(definitions.filter(({ type, config, label }) => {
    const found = find(type)
    return found?.type !== type || JSON.stringify([found.config, found.label]) !== JSON.stringify([config, label]) || find(type) !== found
  }).map(({ type }) => type)).toEqual([])
})

it('finds nothing else, whatever it is called', () => {
  const find = loadOnDemand()
  for (const type of ['shared', 'index', 'http-in', '', '.', '..', '../runtime', 'csv/csv', 'tab', 'constructor', '__proto__', 'exec']) expect([type, find(type)]).toEqual([type, undefined])
})
