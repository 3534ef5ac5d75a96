import { describe, expect, it } from 'vitest'
import type { MessageClient } from '../../runtime/core/access/clients.ts'
import { explainCheck } from '../../runtime/core/access/explain-check.ts'
import type { Fault } from '../../runtime/core/fault.ts'
import { hideLabels } from '../../runtime/core/labels/hide.ts'
import { LabelMap } from '../../runtime/core/labels/label-map.ts'
import { remedyOf } from '../../runtime/core/access/refusal-remedies.ts'
import { fakeVault } from '../../test/kit/fake-vault.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { detokenize } from './detokenize.ts'

const caller: MessageClient = { id: 'shop', application: 'shop', organisation: 'org', environment: 'production', priority: 5, scopes: [], clearance: 'high', attributes: {} }

async function start(fields: readonly object[], config: object = {}) {
  const vault = fakeVault()
  vault.grants.add('shop people delivery')
  const node = await testNode(detokenize, { domain: 'people', purpose: 'delivery', fields, ...config }, { vault })
  const tokenOf = async (value: unknown) => {
    const [answer] = await vault.ask([{ do: 'tokenize', domain: 'people', mode: 'random', ...(typeof value === 'string' ? { value } : { value: JSON.stringify(value), json: true }) }])
    return (answer as { token: string }).token
  }
  return { vault, node, tokenOf }
}

describe('detokenize', () => {
  it('puts values back as what they were, in one call', async () => {
    const { vault, node, tokenOf } = await start([{ path: '$.people[*].id' }, { path: '$.n' }])
    const payload = { people: [{ id: await tokenOf('A123456789') }, { id: await tokenOf('') }], n: await tokenOf({ deep: [1] }), rest: true }
    const before = vault.calls.length
    expect((await node.send({ payload }, fakeRun({ caller })))[0]?.message.payload).toEqual({ people: [{ id: 'A123456789' }, { id: '' }], n: { deep: [1] }, rest: true })
    expect(vault.calls).toHaveLength(before + 1)
  })

  it('an answer in which a value was revealed is for no cache', async () => {
    const { node, tokenOf } = await start([{ path: '$', denied: 'mask' }])
    const payload = await tokenOf('A123456789')
    const [shown, denied] = [fakeRun({ caller }), fakeRun()]
    await node.send({ payload }, shown)
    await node.send({ payload }, denied)
    expect([shown.replyHeaders, denied.replyHeaders]).toEqual([{ 'Cache-Control': 'no-store' }, {}])
  })

  it('says who asks by what an auth node proved of this run, never by what stands on the message', async () => {
    const { vault, node, tokenOf } = await start([{ path: '$' }])
    const token = await tokenOf('x')
    await expect(node.send({ payload: token, client: caller }, fakeRun())).rejects.toMatchObject({ code: 'detoken.denied', status: 403 })
    await node.send({ payload: token }, fakeRun({ id: 'run-7', caller }))
    expect(vault.calls.at(-1)).toEqual([{ do: 'reveal', domain: 'people', token, viewer: { client: 'shop', clearance: 'high', organisation: 'org', purpose: 'delivery', run: 'run-7', flow: 'flow-1', node: 'node-1' } }])
  })

  it('shows callers with sandbox credentials nothing, and callers without a record neither', async () => {
    const { node, tokenOf } = await start([{ path: '$' }])
    const payload = await tokenOf('x')
    await expect(node.send({ payload }, fakeRun({ caller, environment: 'sandbox' }))).rejects.toMatchObject({ code: 'detoken.denied' })
    await expect(node.send({ payload }, fakeRun({ caller: { ...caller, id: 'issuer shop', application: '' } }))).rejects.toMatchObject({ code: 'detoken.denied' })
  })

  it('values without a label may leave, and are kept from whoever looks on', () => {
    const facts = { node: { flow: 't', id: 'n' }, returned: () => LabelMap.none, inside: LabelMap.none }
    const labels = (label: string) => detokenize.labels?.({ property: 'payload', purpose: 'delivery', label, fields: [{ path: '$.id' }] } as never, LabelMap.none, facts) as LabelMap
    expect(hideLabels({ id: 'A123456789', n: 1 }, labels('').at(['payload']))).toEqual({ id: '[revealed]', n: 1 })
    expect(labels('').clear.isEmpty).toBe(true)
    expect(hideLabels({ id: 'A123456789', n: 1 }, labels('pid').at(['payload']))).toEqual({ id: '[pid]', n: 1 })
    expect(labels('pid').clear.isEmpty).toBe(false)
  })

  it.each([['refuse', undefined], ['token', 'token'], ['mask', '********']] as const)('does what the field says when the client may not see it (%s)', async (denied, expected) => {
    const { node, tokenOf } = await start([{ path: '$.id', denied }], { purpose: 'marketing' })
    const id = await tokenOf('A123456789')
    const sent = node.send({ payload: { id } }, fakeRun({ caller }))
    if (expected === undefined) await expect(sent).rejects.toMatchObject({ code: 'detoken.denied', facts: { domain: 'people', purpose: 'marketing', path: '$.id' } })
    else expect((await sent)[0]?.message.payload).toEqual({ id: expected === 'token' ? id : expected })
  })

  it.each([['clearance', 'lacks a clearance', '許可等級'], ['grant', 'no grant', '沒有相應的授權'], ['ended', 'has ended', '到期'], ['purpose', 'no such purpose', '沒有此目的'], ['caller', 'nobody proved', '無人'], [undefined, 'no grant', '授權']] as const)('a refusal can be looked up by those who answer for grants, and tells the caller nothing of what he lacks (%s)', async (why, en, zh) => {
    const { vault, node } = await start([{ path: '$.id' }])
    vault.answers.set('people', { fault: 'detoken.denied', facts: { domain: 'people', purpose: 'delivery', ...(why === undefined ? {} : { why }) } })
    const refused = (await node.send({ payload: { id: 'a-token' } }, fakeRun({ caller })).catch((thrown: unknown) => thrown)) as Fault
    expect(refused.facts).toEqual({ domain: 'people', purpose: 'delivery', path: '$.id', decision: expect.any(String) })
    const decision = node.decisions.get(refused.facts['decision'] as string)
    expect(decision).toMatchObject({ code: 'detoken.denied', status: 403, nodeType: 'detokenize', checks: [{ check: 'reveal', passed: false, domain: 'people', purpose: 'delivery' }] })
    expect(JSON.stringify(decision)).not.toContain('a-token')
    expect(explainCheck(decision!.checks[0]!, 'en')).toEqual({ name: 'Protected data', found: expect.stringMatching(new RegExp(`^people, delivery: .*${en}`)) })
    expect(explainCheck(decision!.checks[0]!, 'zh-TW').found).toContain(zh)
    expect(remedyOf(decision!.code)?.en).toContain('grant')
  })

  it.each([['token.unknown', 404], ['token.expired', 410], ['domain.shredded', 410]] as const)('does what the field says when there is no value any more (%s)', async (code, status) => {
    const facts = { domain: 'people' }
    for (const gone of ['refuse', 'token', 'mask'] as const) {
      const { vault, node } = await start([{ path: '$.id', gone }])
      vault.answers.set('people', { fault: code, facts })
      const sent = node.send({ payload: { id: 'abc' } }, fakeRun({ caller }))
      if (gone === 'refuse') await expect(sent).rejects.toMatchObject({ code, status })
      else expect((await sent)[0]?.message.payload).toEqual({ id: gone === 'token' ? 'abc' : '********' })
    }
  })

  it('takes what is no text for no token, without asking', async () => {
    const { vault, node } = await start([{ path: '$.n', gone: 'mask' }, { path: '$.none' }, { path: '$.null' }])
    expect((await node.send({ payload: { n: 7, null: null } }, fakeRun({ caller })))[0]?.message.payload).toEqual({ n: '********', null: null })
    expect(vault.calls).toEqual([])
  })

  it.each([[{ domain: 'd', fields: [{ path: '$.id' }] }, 'vault.purpose'], [{ purpose: 'p', fields: [{ path: '$.id' }] }, 'vault.domain'], [{ domain: 'd', purpose: 'p', fields: [{ path: '$..a..b' }] }, 'field.path']])('is refused in the editor when it is drawn wrong (%j)', (config, code) => {
    expect(checkNode(detokenize, config).map((problem) => problem.code)).toContain(code)
  })
})
