import { describe, expect, it } from 'vitest'
import { LabelMap } from '../../runtime/core/labels/label-map.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { releaseLabel } from './release-label.ts'

const fields = [{ by: 'label', field: 'pid' }] as const
const config = { fields, reason: 'The customer asked for a copy of his own record.' }

describe('release label', () => {
  it('sends the message on as it is, and says in the log what was released and why, but no value', async () => {
    const lines: unknown[] = []
    const write = (facts: unknown, text: string) => lines.push([facts, text])
    const log = { debug: write, info: write, warn: write, error: write }
    const node = await testNode(releaseLabel, config)
    const message = { payload: { pid: 'A123456789' } }
    expect(node.sendNow(message, Object.assign(fakeRun(), { log }))[0]?.message).toEqual(message)
    expect(lines).toEqual([[{ node: 'node-1', released: ['pid'], reason: config.reason }, 'data labels were released']])
  })

  it('takes the named labels off, and no others', () => {
    const from = { flow: 't', node: 'in', path: 'x' }
    const map = LabelMap.of(['pid', 'pan'].map((label) => ({ path: ['payload', label], label, from })))
    const out = releaseLabel.labels?.(config, map, { node: { flow: 't', id: 'r' }, returned: () => LabelMap.none, inside: LabelMap.none }) as LabelMap
    expect(out.clear.labels).toEqual(['pan'])
    expect(out.entries.find(({ label }) => label === 'pid')?.protection).toEqual({ by: 'released', flow: 't', node: 'r', reason: config.reason })
  })

  it('is refused without a reason', () => {
    expect(checkNode(releaseLabel, { fields, reason: ' ' }).map(({ code }) => code)).toEqual(['release.reason'])
    expect(checkNode(releaseLabel, { fields: [], reason: 'Because.' }).map(({ code, severity }) => [code, severity])).toEqual([['release.nothing', 'warning']])
    expect(checkNode(releaseLabel, { fields: [{ by: 'label', field: 'P I D' }, { by: 'path', field: '[' }], reason: 'Because.' }).map(({ code }) => code)).toEqual(['label.name', 'label.path'])
  })
})
