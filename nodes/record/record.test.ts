import { describe, expect, test } from 'vitest'
import { fault } from '../../runtime/core/fault.ts'
import type { Ledger, LedgerRecord } from '../../runtime/core/state/ledger.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { record } from './record.ts'

function fakeLedger() {
  const taken: { readonly how: string; readonly record: LedgerRecord; readonly deadline?: number }[] = []
  const ledger: Ledger = {
    async append(given, { deadline }) {
      if (given.ledger === 'away') throw fault('ledger.unavailable')
      taken.push({ how: 'wait', record: given, deadline })
      return { ledger: given.ledger, number: taken.length, hash: 'ab' }
    },
    async appendSoon(given) {
      taken.push({ how: 'soon', record: given })
      return { id: 'x' }
    },
  }
  return { ledger, taken }
}

describe('record', () => {
  test('the call is recorded without what the caller wrote, and the run goes on with the number', async () => {
    const { ledger, taken } = fakeLedger()
    const node = await testNode(record, { ledger: 'claims', purpose: 'benefits' }, { ledger, node: { organisation: 'north' } })
    const run = node.run({ request: { method: 'GET', route: '/people/:id', path: '/people/A123456789' }, caller: { id: 'shop' } } as never)
    const [sent] = await node.send({ payload: 'secret', statusCode: 200, client: { id: 'bank', name: 'written by the flow' } }, run)
    expect(sent?.message).toMatchObject({ payload: 'secret', record: { ledger: 'claims', number: 1, hash: 'ab' } })
    expect(taken[0]?.record).toMatchObject({ ledger: 'claims', flow: 'flow-1', node: 'node-1', organisation: 'north', value: { method: 'GET', route: '/people/:id', status: 200, client: 'shop', purpose: 'benefits' } })
    expect(JSON.stringify(taken)).not.toMatch(/A123456789|secret/)
  })

  test('nobody is a client of a call because a flow says so', async () => {
    const { ledger, taken } = fakeLedger()
    const node = await testNode(record, { ledger: 'claims' }, { ledger })
    await node.send({ client: { id: 'bank' } }, node.run({ request: { method: 'GET', route: '/people' } } as never))
    expect(taken[0]?.record.value).toMatchObject({ client: null })
  })

  test('a value of choice is recorded, soon', async () => {
    const { ledger, taken } = fakeLedger()
    const node = await testNode(record, { ledger: 'claims', what: 'value', value: 'payload.token', mode: 'soon' }, { ledger })
    const [sent] = await node.send({ payload: { token: 't1' } })
    expect(sent?.message.record).toEqual({ ledger: 'claims', id: 'x' })
    expect(taken).toMatchObject([{ how: 'soon', record: { value: 't1' } }])
  })

  test('it waits no longer than the run has time, and says when the ledger is away', async () => {
    const { ledger, taken } = fakeLedger()
    const node = await testNode(record, { ledger: 'claims', timeoutMs: 60_000 }, { ledger })
    const run = node.run({ deadline: node.clock.now() + 1000 } as never)
    await node.send({}, run)
    expect(taken[0]?.deadline).toBeLessThanOrEqual(Math.min(run.deadline, node.clock.now() + 60_000))
    const away = await testNode(record, { ledger: 'away' }, { ledger })
    await expect(away.send({})).rejects.toMatchObject({ code: 'ledger.unavailable', status: 503 })
  })

  test('names that are none, the audit log and values that cannot be read are refused at deploy', () => {
    for (const name of ['', 'Claims', '-x', 'a'.repeat(65), 'a b', '../x']) expect(checkNode(record, { ledger: name }), name).toMatchObject([{ code: expect.stringMatching(/ledger.name|config.invalid/) }])
    expect(checkNode(record, { ledger: 'audit' })).toMatchObject([{ code: 'ledger.audit', remedy: expect.any(String) }])
    expect(checkNode(record, { ledger: 'x', what: 'value', value: '(', valueType: 'jsonata' })).toHaveLength(1)
    expect(checkNode(record, { ledger: 'x-1' })).toEqual([])
  })
})
