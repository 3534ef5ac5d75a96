import { expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import { checkFlows } from '../../runtime/compile/check.ts'
import { defineNode } from '../../runtime/core/node.ts'

const text = { en: 'x', 'zh-TW': 'x' }
/** A node that says nothing of labels. */
const unknown = (category: 'transform' | 'callout') => defineNode({ type: 'odd', category, label: text, summary: text, outputs: ['a', 'b'], config: { type: 'object', properties: {} } })

test.each([['transform', 'what is kept beyond the run'], ['callout', 'a call to another service']] as const)('a node that says nothing of labels may let all of a message out, and put any of it anywhere: %s', (category, where) => {
  const flow = [
    { id: 't', type: 'tab', label: 't' },
    { id: 'in', type: 'http in', z: 't', method: 'post', url: '/t', labels: [{ path: 'payload.pid', label: 'pid' }], wires: [['n']] },
    { id: 'n', type: 'odd', z: 't', wires: [[], ['out']] },
    { id: 'out', type: 'http response', z: 't', wires: [] },
  ]
  const found = checkFlows(flow, [...definitions, unknown(category)]).filter(({ code }) => code === 'label.leak')
  expect(found.map(({ node }) => node)).toEqual(expect.arrayContaining(['n', 'out']))
  expect(found.find(({ node }) => node === 'n')?.message).toContain(`into ${where}, in clear: the message (payload.pid)`)
  expect(found.filter(({ node }) => node === 'out').map(({ message }) => /clear: (\w+)\./.exec(message)?.[1])).toEqual(['payload', 'headers', 'cookies', 'statusCode'])
})
