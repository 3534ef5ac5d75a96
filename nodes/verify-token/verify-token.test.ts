import { describe, expect, it } from 'vitest'
import { explainCheck } from '../../runtime/core/access/explain-check.ts'
import type { Fault } from '../../runtime/core/fault.ts'
import { remedyOf } from '../../runtime/core/access/refusal-remedies.ts'
import { fakeVault } from '../../test/kit/fake-vault.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { verifyToken } from './verify-token.ts'

async function start(config: object = {}) {
  const vault = fakeVault()
  const [answer] = await vault.ask([{ do: 'tokenize', domain: 'people', mode: 'random', value: 'A123456789' }])
  return { vault, token: (answer as { token: string }).token, node: await testNode(verifyToken, { domain: 'people', ...config }, { vault }) }
}

describe('verify token', () => {
  it('sends the message as it came by the port that says it', async () => {
    const { node, token } = await start()
    expect(await node.send({ payload: { token, value: 'A123456789' } })).toEqual([{ port: 'same', message: { payload: { token, value: 'A123456789' } } }])
    expect((await node.send({ payload: { token, value: 'other' } }))[0]?.port).toBe('different')
  })

  it('or says it on the message', async () => {
    const { node, token } = await start({ answer: 'property', into: 'match.id' })
    expect((await node.send({ payload: { token, value: 'A123456789' } }))[0]).toMatchObject({ port: 'out', message: { match: { id: true } } })
  })

  it('takes a token that nobody knows, and what is no token, for different', async () => {
    const { node } = await start()
    expect((await node.send({ payload: { token: 'nope', value: 'x' } }))[0]?.port).toBe('different')
    expect((await node.send({ payload: { token: 7, value: 'x' } }))[0]?.port).toBe('different')
  })

  it('refuses a message without token or value, and fails by the vault’s word for it', async () => {
    const { vault, node, token } = await start()
    await expect(node.send({ payload: { value: 'x' } })).rejects.toMatchObject({ code: 'field.missing', status: 422 })
    await expect(node.send({ payload: { token } })).rejects.toMatchObject({ code: 'field.missing' })
    vault.answers.set('people', { fault: 'verify.too_many', facts: { domain: 'people', retryAfter: 9 } })
    await expect(node.send({ payload: { token, value: 'x' } })).rejects.toMatchObject({ code: 'verify.too_many', status: 429, headers: { 'Retry-After': '9' } })
    vault.answers.set('people', { fault: 'domain.unknown', facts: { domain: 'people' } })
    await expect(node.send({ payload: { token, value: 'x' } })).rejects.toMatchObject({ code: 'domain.unknown' })
  })

  it('a client that was wrong too often is refused with a decision that says until when, and holds neither token nor value', async () => {
    const { vault, node } = await start({ purpose: 'support' })
    vault.answers.set('people', { fault: 'verify.too_many', facts: { domain: 'people', retryAfter: 9 } })
    const refused = (await node.send({ payload: { token: 'a-token', value: 'a-value' } }).catch((thrown: unknown) => thrown)) as Fault
    expect(refused).toMatchObject({ status: 429, headers: { 'Retry-After': '9' }, facts: { domain: 'people', retryAfter: 9, decision: expect.any(String) } })
    const decision = node.decisions.get(refused.facts['decision'] as string)!
    expect(decision).toMatchObject({ code: 'verify.too_many', status: 429, nodeType: 'verify token', passesAtMs: expect.any(Number), checks: [{ check: 'comparisons', passed: false, domain: 'people', purpose: 'support' }] })
    expect(JSON.stringify(decision)).not.toMatch(/a-token|a-value/)
    expect(explainCheck(decision.checks[0]!, 'en')).toEqual({ name: 'Comparisons with tokens', found: 'people, support: too many of this client came out different within a minute', passes: expect.stringContaining('compares again') })
    expect(explainCheck(decision.checks[0]!, 'zh-TW')).toMatchObject({ name: '核對代碼', found: expect.stringContaining('核對不符的次數過多') })
    expect([remedyOf(decision.code)?.en, remedyOf(decision.code)?.['zh-TW']]).toEqual([expect.stringContaining('data officer'), expect.stringContaining('資料保護人員')])
  })

  it('is refused in the editor when it is drawn wrong', () => {
    expect(checkNode(verifyToken, {}).map((problem) => problem.code)).toContain('vault.domain')
    expect(checkNode(verifyToken, { domain: 'd', token: 'a[' }).map((problem) => problem.property)).toContain('token')
  })
})
