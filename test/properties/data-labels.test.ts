import { describe, expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import { checkFlows } from '../../runtime/compile/check.ts'

const tab = { id: 't', type: 'tab', label: 'People' }
const labels = [{ path: 'payload.pid', label: 'pid' }]
const entry = { id: 'in', type: 'http in', z: 't', name: 'entry', method: 'post', url: '/people', labels, wires: [['x']] }
const answer = { id: 'out', type: 'http response', z: 't', wires: [] }

/** Leaks of a flow in which these nodes stand between a labelled entry and an answer, as `node: labels`. */
function leaks(...between: readonly Record<string, unknown>[]): string[] {
  const nodes = between.map((node, at) => ({ id: `n${at}`, z: 't', wires: [[at + 1 < between.length ? `n${at + 1}` : 'out']], ...node }))
  return problemsOf([tab, { ...entry, wires: [[nodes[0]?.id ?? 'out']] }, ...nodes, answer])
}

function problemsOf(nodes: readonly object[]): string[] {
  const problems = checkFlows(nodes, definitions)
  const errors = problems.filter(({ severity, code }) => severity === 'error' && code !== 'label.leak')
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'))
  return problems.filter(({ code }) => code === 'label.leak').map(({ node, message }) => `${node} ${/labelled “(.*?)”/.exec(message)?.[1]}`)
}

describe('data labels', () => {
  test('a labelled value does not get into an answer, and the node is named with where it came in and what to do', () => {
    expect(leaks()).toEqual(['out pid'])
    const [problem] = checkFlows([tab, { ...entry, wires: [['out']] }, answer], definitions).filter(({ code }) => code === 'label.leak')
    expect(problem).toMatchObject({
      severity: 'error', node: 'out', flow: 't',
      message: 'The http response node out would let data labelled “pid” into the answer to the caller, in clear: payload (pid). It came in at “entry” (http in), payload.pid.',
      remedy: expect.stringContaining('mask'),
    })
  })

  test('masked it may be answered: by path, or by label', () => {
    expect(leaks({ type: 'mask', fields: [{ by: 'path', field: '$.pid', how: 'keep', first: 1, last: 2 }] })).toEqual([])
    expect(leaks({ type: 'mask', fields: [{ by: 'label', field: 'pid' }] })).toEqual([])
    expect(leaks({ type: 'mask', fields: [{ by: 'path', field: '$.name' }] })).toEqual(['out pid'])
    expect(leaks({ type: 'mask', fields: [{ by: 'label', field: 'pan' }] })).toEqual(['out pid'])
  })
})
