import { expect, test } from 'vitest'
import { catchNode } from '../../nodes/catch/catch.ts'
import { status } from '../../nodes/status/status.ts'
import { checkNode } from '../../test/kit/node-tester.ts'

test('catch and status nodes take the same scopes, and say the same of one that watches nothing', () => {
  const scopeOf = ({ config }: typeof catchNode | typeof status) => (config.properties as { scope: unknown }).scope
  expect(scopeOf(status)).toBe(scopeOf(catchNode))
  for (const scope of [null, undefined, '', 'group', [], ['a'], 5, 'all', [5]]) {
    const said = (node: typeof catchNode | typeof status) => checkNode(node as typeof catchNode, { scope }).map(({ code, severity, property }) => ({ code, severity, property }))
    expect(said(status)).toEqual(said(catchNode))
  }
})
